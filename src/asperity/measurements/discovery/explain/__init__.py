"""What the error bar of a modulus is made of, and which calibration would help most."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
