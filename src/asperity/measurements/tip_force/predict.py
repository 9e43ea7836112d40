"""A force law at other separations than it was told at."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.contact import AbstractElasticContact
from asperity.data import provenance
from asperity.data.verbs import verb
from asperity.learning.gp import approach
from asperity.learning.gp.approach import UNIT, ScaledApproach
from asperity.measurements.tip_force.law_table import TOLD, told, variable
from asperity.messages import ArgumentError

__all__ = ["predict"]

_MOST = 4096  # separations at once


@verb(law="law")
def predict(law: xr.Dataset, separation: Sequence[float]) -> xr.Dataset:
    """The force, its gradient and its parts at any separations, of each approach curve's law.

    Args:
        law: from `asperity.measurements.tip_force.law.force_law`.
        separation: m, negative in contact; at most 4096.

    Returns:
        the variables over ``point`` that the law has, at these separations.

    Raises:
        ArgumentError: no separation, or too many; the law of a table.
    """
    z = np.asarray(separation, float)
    if not 0 < len(z) <= _MOST or not np.isfinite(z).all():
        raise ArgumentError(f"separation holds {len(z)} numbers: give 1 to {_MOST} finite ones, in m")
    if "bin_covariance" not in law:
        raise ArgumentError("law is that of a table, which is told at the separations of its own, to three times the "
                            "farthest one: interpolate between them")
    contact = _contact(law)
    rows = [_at(law.isel(curve=curve), contact, z) for curve in range(law.sizes["curve"])]
    variables = {name: variable(name, np.stack([row[name] for row in rows])) for name in TOLD}
    made = xr.Dataset(variables, law.coords, law.attrs).drop_vars("parameter")
    return provenance.record(made, provenance.step("predict", {"separation": z.tolist()}), before=law)


def _contact(law: xr.Dataset) -> AbstractElasticContact:
    """The contact model that the law was fitted with, as its history has it."""
    from asperity.contact.named import contact_model

    steps = [step for step in provenance.history(law) if step["verb"] == "force_law"]
    found = contact_model(steps[-1]["arguments"]["model"] if steps else "hertz", law.attrs)
    if not isinstance(found, AbstractElasticContact):
        raise ArgumentError("law was not fitted with an elastic contact")
    return found


def _at(one: xr.Dataset, contact: AbstractElasticContact, z: np.ndarray) -> dict[str, np.ndarray]:
    theta, k = one["hyperparameter"].values, float(one["spring_constant"])
    if not np.isfinite(theta).all():
        return {name: np.full((len(z), *shape), np.nan) for name, shape in TOLD.items()}
    own = _task(one)
    with jax.enable_x64(True):
        found = approach.answers(jax.tree.map(jnp.asarray, own), contact, jnp.asarray(theta), jnp.asarray(z / UNIT))
        answer = jax.tree.map(np.asarray, found)
    return told(own, theta, z / UNIT, answer, (float(one["noise_std"]), k if np.isfinite(k) else np.inf))


def _task(one: xr.Dataset) -> ScaledApproach:
    """The data of one law as its fit had them."""
    scale, shift = float(one["scale"]), float(one["surface_shift"]) / UNIT
    there = np.isfinite(one["bin_force"].values)
    z = one["bin_separation"].values / UNIT - shift

    def column(name: str, unit: float) -> np.ndarray:
        return np.where(there, one[name].values / unit, 0.0)

    return ScaledApproach(np.where(there, z, z[there][-1]), column("bin_force", scale), column("bin_time", 1.0),
                np.nan_to_num(one["bin_covariance"].values / scale**2), there * 1.0, column("bin_softness", 1.0),
                column("bin_steepness", scale / UNIT), np.array(float(one["depth"]) / UNIT),
                np.array(float(one["stiffness"]) / scale), np.array(float(one["surface_std"]) / UNIT), np.array(scale))
