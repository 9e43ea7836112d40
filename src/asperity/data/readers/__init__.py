"""Readers of instrument files, one folder for each kind of content, one module for each format."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
