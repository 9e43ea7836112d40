"""Headers and containers that formats of several kinds share."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
