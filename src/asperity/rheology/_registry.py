"""Viscoelastic models by name."""

from __future__ import annotations

import re

from asperity.messages import ArgumentError
from asperity.rheology._model import AbstractRelaxationModel
from asperity.rheology.fractional_kelvin_voigt import FractionalKelvinVoigt
from asperity.rheology.fractional_maxwell import FractionalMaxwell
from asperity.rheology.fractional_zener import FractionalZener
from asperity.rheology.generalized_maxwell import GeneralizedMaxwell
from asperity.rheology.havriliak_negami import HavriliakNegami
from asperity.rheology.kelvin_voigt import KelvinVoigt
from asperity.rheology.maxwell import Maxwell
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid
from asperity.rheology.structural_damping import StructuralDamping

__all__ = ["RELAXATION_MODELS", "relaxation_model_named"]

_OWN = (Maxwell, KelvinVoigt, StandardLinearSolid, GeneralizedMaxwell, Springpot, FractionalMaxwell,
        FractionalKelvinVoigt, FractionalZener, StructuralDamping, HavriliakNegami)

#: name (the class's in snake case) -> class of every viscoelastic model
RELAXATION_MODELS: dict[str, type[AbstractRelaxationModel]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", model.__name__).lower(): model for model in _OWN}


def relaxation_model_named(name: str) -> type[AbstractRelaxationModel]:
    """The viscoelastic model of that name (``"maxwell"``, ``"fractional_zener"``, ...).

    Raises:
        ValueError: no such model; the message lists the names.
    """
    if name not in RELAXATION_MODELS:
        known = ", ".join(sorted(RELAXATION_MODELS))
        raise ArgumentError(f"there is no viscoelastic model {name!r}; known: {known}")
    return RELAXATION_MODELS[name]
