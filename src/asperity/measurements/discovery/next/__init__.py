"""The next places to measure: from the results of force curves to a list of coordinates."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
