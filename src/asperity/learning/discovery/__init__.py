"""Surrogates of expensive models, what they say, where to measure next, what to build and which experiment to do."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
