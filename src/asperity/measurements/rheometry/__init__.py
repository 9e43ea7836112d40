"""Spectra and relaxations, of tables and of force curves that oscillate or hold."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
