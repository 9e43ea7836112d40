"""Scanned images: leveling, denoising, the tip taken off, drift."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
