"""Contact models by name, as the command line, a recipe and a history know them."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

from asperity.contact import MODELS, AbstractContactModel
from asperity.messages import ArgumentError, shown

__all__ = [
    "ASSUMED",
    "ModelError",
    "assumed_inputs",
    "contact_model",
    "is_auto",
    "known_models",
    "model_record",
    "model_table",
    "usual_segment",
]

Model = str | Mapping[str, Any] | AbstractContactModel

#: the tip that is assumed, with a loud warning, where nobody says what it is (SI)
ASSUMED = {"radius": 1e-6, "half_angle": math.radians(20), "punch_radius": 1e-6}


#: m; what is larger was meant in another unit: a bare 5 is 5 m
_LARGEST = {"radius": 0.1, "punch_radius": 0.1, "thickness": 0.1}


class ModelError(ArgumentError):
    """A contact model that does not exist, or an input that it does not have."""


def known_models() -> dict[str, type[AbstractContactModel]]:
    """Name -> contact model, own ones and those of other packages."""
    return dict(MODELS)


def _parts(model: str | Mapping[str, Any]) -> tuple[str, type[AbstractContactModel], dict[str, Any]]:
    models = known_models()
    known = f"known: {', '.join(sorted(models))}"
    if not isinstance(model, str | Mapping):
        raise ModelError(f"model = {shown(model)}: must be a contact model, its name, or a dictionary such as "
                         f"{{'name': 'hertz', 'radius': 5e-6}}; {known}")
    given = {"name": model} if isinstance(model, str) else dict(model)
    name = str(given.pop("name", "hertz"))
    if _plain(name) == "auto":
        raise ModelError(f"the model 'auto' is for analyze, which lets the data choose; name one here; {known}")
    name = next((one for one in models if _plain(one) == _plain(name)), name)
    if name not in models:
        close = difflib.get_close_matches(_plain(name), models, 1)
        raise ModelError(f"there is no contact model {shown(name)}; {f'did you mean {close[0]!r}? ' if close else ''}"
                         f"{known}")
    wrong = sorted(set(given) - {field.name for field in dataclasses.fields(models[name])})
    if wrong:
        raise ModelError(
            f"the contact model '{name}' has no {' and no '.join(wrong)}; "
            f"its inputs: {', '.join(models[name].fixed)}"
        )
    return name, models[name], given


def _plain(name: str) -> str:
    """A name without what people write in many ways: ``Maugis-Dugdale``, ``JKR sphere``."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def is_auto(model: Model) -> bool:
    """Whether the data are to choose the model."""
    name = model.get("name") if isinstance(model, Mapping) else model
    return isinstance(name, str) and _plain(name) == "auto"


def usual_segment(model: Model) -> str:
    """``retract`` for a model with adhesion, else ``approach``."""
    kind = _parts(model)[1] if isinstance(model, str | Mapping) else type(model)
    return "retract" if "work_of_adhesion" in kind.fitted else "approach"


def _unsaid(model: str | Mapping[str, Any]) -> list[str]:
    """The inputs that the model needs and nobody gave."""
    _, kind, given = _parts(model)
    return [field.name for field in dataclasses.fields(kind) if field.name in ASSUMED
            and field.default is dataclasses.MISSING and field.name not in given]


def assumed_inputs(model: Model, attrs: Mapping[Any, Any] | None = None) -> dict[str, float]:
    """Name -> value of the inputs that ``model`` needs, neither given nor in the file's ``attrs``."""
    if isinstance(model, AbstractContactModel):
        return {}
    stated = _stated(attrs or {})
    return {name: ASSUMED[name] for name in _unsaid(model) if name not in stated}


def _stated(attrs: Mapping[Any, Any]) -> dict[str, float]:
    """The tip that the attributes of the data state: positive numbers that a tip can have."""
    found = {name: float(attrs[name]) for name in ASSUMED if isinstance(attrs.get(name), numbers.Real)}
    return {name: value for name, value in found.items() if 0 < value <= _LARGEST.get(name, math.pi / 2)}


def _require_size(given: Mapping[str, Any]) -> None:
    """Refuse a length that was meant in another unit."""
    for name in _LARGEST.keys() & given.keys():
        value = given[name]
        if isinstance(value, numbers.Real) and float(value) > _LARGEST[name]:
            raise ModelError(f"{name} = {shown(value)}: must be at most {_LARGEST[name]:g} m; numbers are in SI: 5 um "
                             "is 5e-6")


def contact_model(model: Model, attrs: Mapping[Any, Any] | None = None) -> AbstractContactModel:
    """The contact model that is meant.

    Args:
        model: a name (``"hertz"``), a mapping ``{"name": "hertz", "radius": 5e-6}``, or a model.
        attrs: the attributes of the data; a tip that nobody gave is taken from there, else from `ASSUMED`.

    Raises:
        ModelError: unknown name, or an input that this model does not have; both say what there is. Or
            an input is missing for which nothing can be assumed (the thickness of a layer), or no tip is so large.
    """
    import jax

    if isinstance(model, AbstractContactModel):
        sizes = {name: float(str(getattr(model, name))) for name in _LARGEST if name in model.fixed}
        _require_size({name: value for name, value in sizes.items() if math.isfinite(value)})
        return model
    name, kind, given = _parts(model)
    _require_size(given)
    known = {**ASSUMED, **_stated(attrs or {})}
    tip = {name: known[name] for name in _unsaid(model)}
    missing = [field.name for field in dataclasses.fields(kind)
               if field.default is dataclasses.MISSING and field.name not in {**given, **tip}]
    if missing:
        raise ModelError(f"the contact model '{name}' needs {' and '.join(missing)}; nothing is assumed for it")
    with jax.enable_x64(True):
        return kind(**given, **tip)


def model_record(model: Model) -> dict[str, Any]:
    """``{"name": ..., <fixed input>: value}``: what `contact_model` makes the same model from.

    A tip that nobody gave is left out, for each file may have its own.
    """
    chosen = contact_model(model)
    names = [name for name, kind in known_models().items() if type(chosen) is kind]
    name = names[0] if names else type(chosen).__name__
    unsaid = [] if isinstance(model, AbstractContactModel) else _unsaid(model)
    words = [field.name for field in dataclasses.fields(chosen) if isinstance(getattr(chosen, field.name), str)]
    return {"name": name} | {field: float(str(getattr(chosen, field))) for field in type(chosen).fixed
                             if field not in unsaid} | {word: getattr(chosen, word) for word in words}


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
