"""Networks that learn the energy of atoms, one file each."""

from asperity.atomistic.networks._network import AbstractNetwork, Scales
from asperity.atomistic.networks.distance import DistanceGNN
from asperity.atomistic.networks.equivariant import EquivariantGNN
from asperity.atomistic.networks.moment import MomentNet

__all__ = ["AbstractNetwork", "DistanceGNN", "EquivariantGNN", "MomentNet", "Scales"]
