"""Bands of spectra and relaxations where part of the error is smooth over decades: what they hold, and false alarms.

``python -m tests.verify.rheology.test_smooth_errors`` prints the table of docs/nanorheology.md (see `drifting` for the
generator); ``... independent`` the same with the smooth part left out of the bands.
"""

import sys

import numpy as np
import pytest
import xarray as xr

from asperity.measurements.rheometry import material as rheometry
from tests.verify.rheology.drifting import KINDS, material, table
from tests.verify.verdict import Figure, judge

SHARES = (0.0, 0.5, 0.8)
SETS = 24


def over(axis, **columns):
    unit = {"frequency": "Hz", "time": "s"}[axis]
    place = columns.pop("place")
    return xr.Dataset({name: (axis, value, {"units": "Pa"}) for name, value in columns.items()},
                      {axis: (axis, place, {"units": unit})})


def held(made, name, true, inside):
    low, high = made[f"{name}_low"].values, made[f"{name}_high"].values
    return np.mean(((low <= true) & (true <= high))[inside])


def one_set(kind, share, seed, smooth_share):
    """Shares of the bands that hold E', E'', E(t) within the data, the false alarms, and of eta_0 and E_e."""
    rng = np.random.default_rng([2027, seed, int(10 * share), KINDS.index(kind)])
    truth = material(kind, rng, 1 / (2 * np.pi))
    data = table(truth, share, rng)
    given = over("frequency", place=data.place, storage_modulus=data.values.real, loss_modulus=data.values.imag)
    made = rheometry.spectrum(given, noise=data.noise, smooth_share=smooth_share, draws=100)
    grid = made["fit_frequency"].values
    inside, true = (grid >= data.place[0]) & (grid <= data.place[-1]), truth.modulus(2 * np.pi * grid)
    low, high = (float(made[f"zero_rate_viscosity{end}"]) for end in ("_low", "_high"))
    flow = float(low <= truth.viscosity <= high) if np.isfinite(low) else np.nan
    low, high = (float(made[f"equilibrium_modulus{end}"]) for end in ("_low", "_high"))
    relaxing = material(kind, rng, 1.0)
    points = table(relaxing, share, rng, time=True)
    slow = rheometry.relax(over("time", place=points.place, relaxation_modulus=points.values), noise=points.noise,
                           smooth_share=smooth_share, draws=100)
    true_relaxation = relaxing.relaxation(slow["fit_time"].values)
    return (held(made, "storage_fit", true.real, inside), held(made, "loss_fit", true.imag, inside),
            held(slow, "relaxation_fit", true_relaxation, ...), made.attrs["alarm"], slow.attrs["alarm"], flow,
            float(low <= truth.rest <= high))


def row(kind, share, smooth_share=None):
    """Means over the sets; of the viscosity at rate zero NaN where no set reaches it."""
    found = np.array([one_set(kind, share, seed, smooth_share) for seed in range(SETS)], float)
    reached = np.isfinite(found[:, 5])
    return [*found[:, :5].mean(axis=0), found[reached, 5].mean() if reached.any() else np.nan, found[:, 6].mean()]


@pytest.fixture(autouse=True)
def fewer_repetitions(monkeypatch):
    monkeypatch.setattr(rheometry, "_REPEATS", 59)


@pytest.mark.parametrize("share", SHARES)
def test_bands_hold_and_sound_data_are_not_accused(share):
    """Four materials, 24 sets each. Values of one band go together: the standard error of a mean of 96 sets is 2 %."""
    rows = np.array([row(kind, share) for kind in KINDS])
    whole, figures = rows.mean(axis=0), []
    for place, name in enumerate(("E'", "E''", "E(t)")):
        figures.append(Figure(f"{name}, all", whole[place], 0.85, 0.97))
        figures += [Figure(f"{name}, {kind}", rows[i, place], 0.74, 1.0) for i, kind in enumerate(KINDS)]
    figures += [Figure("alarms, E*", whole[3], 0.0, 0.05), Figure("alarms, E(t)", whole[4], 0.0, 0.05),
                Figure("viscosity at rate zero, melt", rows[-1, 5], 0.85), Figure("E_e", whole[6], 0.85)]
    judge(f"Bands of 90 % where {100 * share:.0f} % of the variance of the error is smooth", figures)


if __name__ == "__main__":
    rheometry._REPEATS = 59
    print("| smooth | material | E' | E'' | E(t) | alarms E*, E(t) | eta_0 | E_e |\n|---|---|---|---|---|---|---|---|")
    for each in SHARES:
        for of in KINDS:
            a, b, c, first, second, eta, rest = (
                100 * np.array(row(of, each, 0.0 if "independent" in sys.argv else None)))
            print(f"| {100 * each:.0f} % | {of} | {a:.0f} | {b:.0f} | {c:.0f} | {first:.0f}, {second:.0f} | "
                  f"{'-' if np.isnan(eta) else f'{eta:.0f}'} | {rest:.0f} |", flush=True)
