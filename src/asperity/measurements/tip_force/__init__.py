"""Forces between tip and sample against their separation: laws with components and bands, their page, their command."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
