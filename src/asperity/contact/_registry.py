"""Names of contact models, and those that other packages bring."""

from __future__ import annotations

import inspect
import re
import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from asperity.contact._model import AbstractContactModel

__all__ = ["GROUP", "name_of", "registered"]

GROUP = "asperity.contact"


def name_of(model: type[AbstractContactModel]) -> str:
    """The class's name in snake case: ``JKRSphere`` -> ``jkr_sphere``, ``Pyramid4`` -> ``pyramid4``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", model.__name__).lower()


def _is_model(value: Any) -> bool:
    if not inspect.isclass(value) or inspect.isabstract(value):
        return False
    return issubclass(value, AbstractContactModel)


def _load(entry: EntryPoint) -> dict[str, type[AbstractContactModel]]:
    """The model of one entry point; one that does not load is reported, not raised."""
    try:
        model = entry.load()
        if not _is_model(model):
            raise TypeError("it is no concrete AbstractContactModel")
    except Exception as error:
        warnings.warn(f"the contact model {entry.name!r} ({entry.value}) was left out: {error}", stacklevel=4)
        return {}
    return {entry.name: model}


def registered(namespace: dict[str, Any]) -> dict[str, type[AbstractContactModel]]:
    """The concrete models in ``namespace`` by name, and those of the entry points (which hide none)."""
    found: dict[str, type[AbstractContactModel]] = {}
    for entry in entry_points(group=GROUP):
        found |= _load(entry)
    return found | {name_of(model): model for model in namespace.values() if _is_model(model)}
