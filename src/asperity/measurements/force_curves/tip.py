"""The contact model of a verb with its tip: given, stated by the data, or assumed; resolved once, and said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

import xarray as xr

from asperity.contact import AbstractContactModel, AbstractElasticContact
from asperity.contact.named import Model, assumed_inputs, contact_model, model_record
from asperity.data.curve_files import Source
from asperity.data.results import assumed_in_words
from asperity.messages import ArgumentError
from asperity.report.citing import citations

__all__ = ["Template", "resolved", "resolved_elastic"]

_log = logging.getLogger("asperity")


class Template(NamedTuple):
    """The contact model that all curves of one call are fitted with; each file may have its own tip."""

    model: Model
    kind: type[AbstractContactModel]
    assumed: dict[str, float]  # name -> value (SI) of the inputs that neither the caller nor every file states

    def of(self, dataset: xr.Dataset | Source) -> AbstractContactModel:
        """The model with the tip of these curves."""
        return contact_model(self.model, dataset.attrs)

    @property
    def record(self) -> dict[str, Any]:
        """What the history keeps: the model with what was given; what a file states or nobody knows is left out."""
        return model_record(self.model)

    def attributes(self, *methods: object) -> dict[str, str]:
        """What every result says of it: model, assumptions, and what to cite for it and the ``methods`` used."""
        return {"model": self.kind.__name__, "assumed": json.dumps(self.assumed),
                "citations": json.dumps(citations(self.kind, *methods))}


def resolved(model: Model, datasets: Iterable[xr.Dataset | Source]) -> Template:
    """The template for these curves; one warning says what had to be assumed.

    Raises:
        ModelError: unknown name, an input that the model does not have, or one that is missing and cannot be assumed.
    """
    found = [(contact_model(model, dataset.attrs), assumed_inputs(model, dataset.attrs)) for dataset in datasets]
    assumed = {name: value for _, guess in found for name, value in guess.items()}
    if assumed:
        unknown = sum(bool(guess) for _, guess in found)
        whose = "" if len(found) == 1 else f" of {unknown} of {len(found)} files"
        _log.warning("the tip%s is not known: ASSUMED %s; give it for numbers with a meaning", whose,
                     assumed_in_words(assumed))
    return Template(model, type(found[0][0]), assumed)


def resolved_elastic(model: Model, dataset: xr.Dataset) -> tuple[Template, AbstractElasticContact]:
    """As `resolved` for one dataset, with the model itself, which must have no adhesion.

    Raises:
        ArgumentError: it has adhesion.
    """
    template = resolved(model, [dataset])
    contact = template.of(dataset)
    if not isinstance(contact, AbstractElasticContact):
        raise ArgumentError(f"{type(contact).__name__} has adhesion, which this leaves out: give a contact model "
                            "without")
    return template, contact

