"""The instrument measured: spring constant, sensitivity, scanner, tip."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
