"""Atomistic mechanics: potentials, elastic constants, interfacial stiffness. Lengths in angstrom, energies in eV."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
