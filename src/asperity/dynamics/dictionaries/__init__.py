"""Dictionaries of Koopman models, one file each."""

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary
from asperity.dynamics.dictionaries.contact_splines import ContactSplines, contact_knots
from asperity.dynamics.dictionaries.fourier import RandomFourier
from asperity.dynamics.dictionaries.harmonics import Harmonics
from asperity.dynamics.dictionaries.polynomials import Polynomials
from asperity.dynamics.dictionaries.radial import RadialFunctions

__all__ = ["AbstractDictionary", "ContactSplines", "Harmonics", "Polynomials", "RadialFunctions", "RandomFourier",
           "contact_knots"]
