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
from asperity.measurements.tip_force import frequency_shift_law, table_law
from asperity.measurements.tip_force.law_table import POINTWISE, told, variable
from asperity.messages import ArgumentError

__all__ = ["predict"]

_MOST = 4096  # separations at once


@verb(law="law")
def predict(law: xr.Dataset, separation: Sequence[float]) -> xr.Dataset:
    """The force, its gradient and its parts at any separations, of each curve's law, or of a table's.

    Args:
        law: of curves, of a table of forces or of one of frequency shifts, as `asperity.force_law` and
            ``asperity force`` give it.
        separation: m, negative in contact; at most 4096.

    Returns:
        the variables over ``point`` that the law has, at these separations: the force with its band, its epistemic
        standard uncertainty and what the noise of one further sample adds (of frequency shifts that is no force and
        is not there), the gradient, the parts; ``extrapolated`` is 1 where nothing was measured. Of tables
        nothing is told (NaN) so near that one of the draws has its zero distance there, or few draws decide the mean.

    Raises:
        ArgumentError: no separation, or too many; a law without the data that it was made from.
    """
    z = np.asarray(separation, float)
    if not 0 < len(z) <= _MOST or not np.isfinite(z).all():
        raise ArgumentError(f"separation holds {len(z)} numbers: give 1 to {_MOST} finite ones, in m")
    rows = [_at(law.isel(curve=curve), z) for curve in range(law.sizes["curve"])]
    names = [name for name in POINTWISE if name in law]
    variables = {name: variable(name, np.stack([row.get(name, _nothing(law, name, z)) for row in rows]))
                 for name in names}
    made = xr.Dataset(variables, law.coords, law.attrs).drop_vars("parameter")
    return provenance.record(made, provenance.step("predict", {"separation": z.tolist()}), before=law)


def _nothing(law: xr.Dataset, name: str, z: np.ndarray) -> np.ndarray:
    """What stands for a curve without a law."""
    return np.full((len(z), *law[name].shape[2:]), np.nan)


def _at(one: xr.Dataset, z: np.ndarray) -> dict[str, np.ndarray]:
    """What the law of one curve or table says at ``z``; nothing where there is none."""
    needed = {"hyperparameter", "bin_frequency_shift" if "observed" in one.attrs else "bin_force"}
    if not needed <= set(one.data_vars):
        raise ArgumentError("law lacks the data that it was made from, by which it answers at other separations: give "
                            "it as force_law, or the command force, made it")
    if not np.isfinite(one["hyperparameter"].values).all():
        return {}
    if "observed" in one.attrs:
        return frequency_shift_law.told_at(one, z)
    return _of_approach(one, _contact(one), z) if "bin_covariance" in one else table_law.told_at(one, z)


def _contact(law: xr.Dataset) -> AbstractElasticContact:
    """The contact model that the law was fitted with, as its history has it."""
    from asperity.contact.named import contact_model

    steps = [step for step in provenance.history(law) if step["verb"] == "force_law"]
    found = contact_model(steps[-1]["arguments"]["model"] if steps else "hertz", law.attrs)
    if not isinstance(found, AbstractElasticContact):
        raise ArgumentError("law was not fitted with an elastic contact")
    return found


def _of_approach(one: xr.Dataset, contact: AbstractElasticContact, z: np.ndarray) -> dict[str, np.ndarray]:
    theta, k = one["hyperparameter"].values, float(one["spring_constant"])
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
