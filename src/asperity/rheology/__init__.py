"""Viscoelasticity: models, spectra, and the relations that causality puts on them."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
