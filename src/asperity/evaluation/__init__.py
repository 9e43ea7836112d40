"""Evaluation: how good predictions are and how honest their uncertainty is; arrays in, numbers out."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
