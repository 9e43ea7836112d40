"""The virtual instrument: data whose every number is known."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
