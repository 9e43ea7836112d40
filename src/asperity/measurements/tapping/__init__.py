"""A tip that taps on a sample, simulated: amplitude and phase curves on both branches."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
