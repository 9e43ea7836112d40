"""Contact models by name, as the command line, a recipe and a history know them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from asperity.contact import MODELS, AbstractContactModel

__all__ = [
    "ASSUMED",
    "ModelError",
    "assumed_inputs",
    "contact_model",
    "known_models",
    "model_record",
    "model_table",
]

#: the tip that is assumed, with a loud warning, where nobody says what it is (SI)
ASSUMED = {"radius": 1e-6, "half_angle": math.radians(20), "punch_radius": 1e-6}


class ModelError(ValueError):
    """A contact model that does not exist, or an input that it does not have."""


def known_models() -> dict[str, type[AbstractContactModel]]:
    """Name -> contact model, own ones and those of other packages."""
    return dict(MODELS)


def _parts(model: str | Mapping[str, Any]) -> tuple[str, type[AbstractContactModel], dict[str, Any]]:
    given = {"name": model} if isinstance(model, str) else dict(model)
    name = str(given.pop("name", "hertz"))
    models = known_models()
    if name not in models:
        raise ModelError(f"there is no contact model '{name}'; known: {', '.join(sorted(models))}")
    wrong = sorted(set(given) - {field.name for field in dataclasses.fields(models[name])})
    if wrong:
        raise ModelError(
            f"the contact model '{name}' has no {' and no '.join(wrong)}; "
            f"its inputs: {', '.join(models[name].fixed)}"
        )
    return name, models[name], given


def assumed_inputs(model: str | Mapping[str, Any] | AbstractContactModel) -> dict[str, float]:
    """Name -> value of the inputs that ``model`` needs, nobody gave, and `contact_model` assumes."""
    if isinstance(model, AbstractContactModel):
        return {}
    _, kind, given = _parts(model)
    required = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return {name: ASSUMED[name] for name in required if name not in given and name in ASSUMED}


def contact_model(model: str | Mapping[str, Any] | AbstractContactModel) -> AbstractContactModel:
    """The contact model that is meant.

    Args:
        model: a name (``"hertz"``), a mapping ``{"name": "hertz", "radius": 5e-6}``, or a model.

    Raises:
        ModelError: unknown name, or an input that this model does not have; both say what there is.
    """
    import jax

    if isinstance(model, AbstractContactModel):
        return model
    _, kind, given = _parts(model)
    with jax.enable_x64(True):
        return kind(**given, **assumed_inputs(model))


def model_record(model: AbstractContactModel) -> dict[str, Any]:
    """``{"name": ..., <fixed input>: value}``: what `contact_model` makes the same model from."""
    name = next((name for name, kind in known_models().items() if type(model) is kind), type(model).__name__)
    return {"name": name} | {field: float(str(getattr(model, field))) for field in type(model).fixed}


def model_table() -> list[str]:
    """Lines of text: each model's name and meaning, its formula, what it fits and what it needs."""
    lines = []
    for name, kind in sorted(known_models().items()):
        text = kind.__doc__ or ""
        formula = re.search(r"\$\$(.*?)\$\$", text, re.DOTALL)
        lines += [f"{name}: {text.strip().splitlines()[0]}"]
        lines += [f"    {' '.join(formula[1].split())}"] if formula else []
        lines += [f"    fits {', '.join(kind.fitted)}; needs {', '.join(kind.fixed)}"]
    return lines
