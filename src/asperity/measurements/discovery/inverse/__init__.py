"""What to build so that targets are met, and with which probability: a tip, a film, a lattice, a set point."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
