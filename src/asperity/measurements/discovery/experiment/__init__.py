"""Which experiment: the lever and the load that tell a modulus best, its uncertainty beforehand, or no."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
