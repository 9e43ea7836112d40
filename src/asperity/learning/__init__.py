"""Learning: batched fits of physical models to data, with their uncertainty."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
