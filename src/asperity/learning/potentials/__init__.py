"""Interatomic potentials learnt from energies, forces and stresses; ensembles of them and their intervals."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
