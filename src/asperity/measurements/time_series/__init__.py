"""Recorded motions of a lever: their frequencies, how well they are predicted, and the force that the tip felt."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
