"""Interatomic potentials, one file each."""

from asperity.atomistic.potentials._potential import AbstractLocalPotential, AbstractPotential
from asperity.atomistic.potentials.interlayer import Interlayer
from asperity.atomistic.potentials.lennard_jones import LennardJones
from asperity.atomistic.potentials.stillinger_weber import StillingerWeber

__all__ = ["AbstractLocalPotential", "AbstractPotential", "Interlayer", "LennardJones", "StillingerWeber"]
