"""The instrument: calibration, scanner, drift, tip, leveling and denoising: forward models and their inverses."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
