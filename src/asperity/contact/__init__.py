"""Contact mechanics: the force of one tip on an elastic half-space against the indentation."""

from asperity.contact._model import AbstractContactModel as AbstractContactModel
