"""Data: the schema of force curves, file readers, stores, jobs, provenance, calibrations."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
