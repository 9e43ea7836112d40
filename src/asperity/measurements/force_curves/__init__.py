"""Force curves and maps: from vendor files to moduli, adhesion and a report."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
