"""How the command line speaks and listens: its options, messages, progress, interruptions."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
