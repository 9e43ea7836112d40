"""Gaussian processes of forces: kernels, solvers of linear and of cubic cost, priors of force laws, their answers."""

from asperity import _lazy

__getattr__, __dir__ = _lazy(__name__, __path__)
