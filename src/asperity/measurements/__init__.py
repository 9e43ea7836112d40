"""One folder for each kind of measurement, with the same rooms: read, correct, fit, judge, page, command."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
