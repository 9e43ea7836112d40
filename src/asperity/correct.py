"""Corrections of measured data: `curves` (calibration, scanner), `image` (leveling, lines, noise, tip), `drift`."""

from asperity.measurements.force_curves.correct import curves
from asperity.measurements.images.correct import image
from asperity.measurements.images.drift import drift

__all__ = ["curves", "drift", "image"]
