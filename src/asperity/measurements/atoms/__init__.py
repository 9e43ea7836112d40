"""Configurations of atoms: potentials trained on them, their predictions, and the mechanics of crystals."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
