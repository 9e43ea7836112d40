r"""Corrections of sine segments that nobody told: what they were taken to be, and what a typical one would change.

At the highest frequency that was used, with K the stiffness that was found and $g'/(1-\nu^2)$ its ratio to E*, a drag
b on the tip makes $\omega b\,(1-\nu^2)/g'$ of E''. A height recorded later than it was by $\tau$ is put right by
$e^{i\omega\tau}$, and since the base moves 1 + K/k times as far as the tip,

$$K \leftarrow \frac{K}{(1 + K/k)\,e^{i\omega\tau} - K/k}.$$
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.contact import AbstractElasticContact
from asperity.rheology.oscillatory_contact import contact_slope, young_modulus

__all__ = ["Untold", "untold_corrections"]

_DRAG = 2e-6  # N s/m: of a soft lever some 200 um long in water, close to the sample; measured ones are 1 to 5 uN s/m
_LAG = 1e-4  # s: of the filter of a height sensor or a lock-in; 0.12 ms were measured on an instrument for cells


class Untold(NamedTuple):
    """Corrections taken to be zero, and the sentence on what that may do."""

    assumed: dict[str, float]
    words: str  # "" if everything was told


def untold_corrections(moduli: xr.Dataset, contact: AbstractElasticContact, spring_constant: Any,
                       told: Collection[str]) -> Untold:
    """What was taken to be zero, and what a typical one would change at the highest frequency.

    Args:
        moduli: (curve, frequency) ``storage_modulus``, ``loss_modulus``, ``indentation`` and ``flag``.
        contact: of the sample.
        spring_constant: (curve,) N/m.
        told: names of the corrections that were given.
    """
    assumed = {name: 0.0 for name in ("drag", "lag") if name not in told}
    finite = np.isfinite(moduli["loss_modulus"].values) & (moduli["flag"].values == 0)
    used = np.flatnonzero(finite.any(axis=0))
    if not assumed or not len(used):
        return Untold(assumed, "")
    place = int(used[-1])
    here = moduli.isel(frequency=place)
    rows = finite[:, place]
    omega = 2 * np.pi * float(here["frequency"])
    modulus = (here["storage_modulus"].values + 1j * here["loss_modulus"].values)[rows]
    per_stiffness = young_modulus(1.0, contact_slope(contact, here["indentation"].values[rows]),
                                  float(contact.poisson_ratio))
    ratio = modulus / per_stiffness / np.broadcast_to(spring_constant, rows.shape)[rows]
    lagging = modulus / ((1 + ratio) * np.exp(1j * omega * _LAG) - ratio)
    effects = {"drag": ("hydrodynamic drag of the lever", f"a drag of {_DRAG * 1e6:g} uN s/m, as of a soft lever in "
                        "water,", modulus - 1j * omega * _DRAG * per_stiffness),
               "lag": ("lag of the recorded height (sensor, filter, lock-in)", f"a lag of {_LAG * 1e3:g} ms", lagging)}
    said = [f"{effects[name][1]} would change {_changes(effects[name][2], modulus)}" for name in assumed]
    zero = " and ".join(effects[name][0] for name in assumed)
    return Untold(assumed, f"ASSUMED to be zero, because nobody said it: {zero}. At {float(here['frequency']):.3g} Hz "
                  f"{'; '.join(said)} (medians). Measure them off the surface and on a stiff sample "
                  "(docs: nanorheology), and give them as instrument of "
                  "modulus_spectrum.")


def _changes(corrected: np.ndarray, modulus: np.ndarray) -> str:
    """The medians of the relative changes of both parts, in per cent; of one that does not change, nothing."""
    changes = {name: float(np.median(np.abs(part(corrected) / part(modulus) - 1)))
               for name, part in (("E'", np.real), ("E''", np.imag))}
    return " and ".join(f"{name} by {100 * change:.2g} %" for name, change in changes.items() if change > 0)
