"""Dictionaries of Koopman models, one file each."""

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary
from asperity.dynamics.dictionaries.harmonics import Harmonics
from asperity.dynamics.dictionaries.polynomials import Polynomials
from asperity.dynamics.dictionaries.radial import RadialFunctions

__all__ = ["AbstractDictionary", "Harmonics", "Polynomials", "RadialFunctions"]
