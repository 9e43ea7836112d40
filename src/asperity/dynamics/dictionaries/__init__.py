"""Dictionaries of Koopman models, one file each."""

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary
from asperity.dynamics.dictionaries.polynomials import Polynomials

__all__ = ["AbstractDictionary", "Polynomials"]
