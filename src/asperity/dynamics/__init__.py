"""Dynamics: a cantilever whose tip oscillates over a sample, as a dynamical system."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
