"""Discovery: results explained, the next points to measure, designs, and the experiment worth doing."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
