"""A plain NumPy fit with the results schema, for tests of what happens around the fit.

The contact point is scanned over the samples; offset and modulus of a paraboloid follow by linear
least squares. It stands in for `asperity.measurements.force_curves.fit_curves` where a test is about
files, chunks and commands.
"""

import sys
import types

import numpy as np
import xarray as xr

from asperity.learning.outcome import Outcome
from asperity.quantities import variable_attributes

CALLS = []
Learnt = float  # of a session: the noise, N


def learn_noise(dataset, model, *, segment, asked=None):
    force = dataset["force"].sel(segment=segment)
    longest = int(dataset["sample_count"].sel(segment=segment).max())  # not what its neighbors are padded to
    return float(np.nanstd(np.diff(force.values[:, : longest // 4], axis=1)) / np.sqrt(2))


def session_noises(parts, model, *, segment, asked=None):
    return {session: learn_noise(part.isel(curve=part["session"].values == session), model, segment=segment)
            for part in parts for session in dict.fromkeys(map(str, part["session"].values))}


def fit_curves(dataset, model, *, noise, segment="approach", spring_constant_std=0.0, sensitivity_std=0.0,
               radius_std=0.0, asked=None):
    CALLS.append(dataset.sizes["curve"])
    noise = [noise[str(session)] for session in dataset["session"].values]
    force = dataset["force"].sel(segment=segment).values
    deflection = force / dataset["spring_constant"].values[:, None]
    position = dataset["height"].sel(segment=segment).values + deflection
    radius, nu = float(model.radius), float(model.poisson_ratio)
    rows = [one_curve(p, f, 4 / 3 * np.sqrt(radius) / (1 - nu**2), n) for p, f, n in zip(position, force, noise)]
    names = ("modulus", "modulus_std_noise", "contact_point", "baseline_offset", "flag")
    columns = dict(zip(names, np.array(rows).T))
    calibration = np.sqrt(spring_constant_std**2 + (radius_std / 2) ** 2 + sensitivity_std**2)
    columns["modulus_std_calibration"] = calibration * np.abs(columns["modulus"])
    columns["modulus_std"] = np.hypot(columns["modulus_std_noise"], columns["modulus_std_calibration"])
    moduli = {name: values for name, values in columns.items() if name.startswith("modulus")}
    data = {name: ("curve", values, {"units": "Pa"}) for name, values in moduli.items()}
    data |= {name: ("curve", columns[name], variable_attributes(name)) for name in names[2:4]}
    data["flag"] = ("curve", columns["flag"].astype(np.int8), {
        "flag_values": np.arange(len(Outcome), dtype=np.int8),
        "flag_meanings": " ".join(outcome.name for outcome in Outcome)})
    data["display_force"] = (("curve", "point"), force[:, :32])
    coords = {name: coord.variable for name, coord in dataset.coords.items() if coord.dims == ("curve",)}
    return xr.Dataset(data, coords | {"radius": ((), radius, variable_attributes("radius"))})


def one_curve(position, force, factor, noise):
    good = np.isfinite(position) & np.isfinite(force)
    if good.sum() < 8:
        return np.nan, np.nan, np.nan, np.nan, Outcome.too_few_samples
    s, f = position[good], force[good]
    contacts = np.linspace(s.min(), s.max(), 40)[4:-4]
    shapes = factor * np.clip(contacts[:, None] - s, 0, None) ** 1.5
    centered = shapes - shapes.mean(axis=1, keepdims=True)
    moduli = centered @ f / (centered**2).sum(axis=1)
    offsets = f.mean() - moduli * shapes.mean(axis=1)
    best = np.argmin(((offsets[:, None] + moduli[:, None] * shapes - f) ** 2).sum(axis=1))
    contact, offset, modulus = contacts[best], offsets[best], moduli[best]
    std = noise / np.linalg.norm(shapes[best])
    return modulus, std, contact, offset, Outcome.converged if modulus > 0 else Outcome.bound_hit


def plain_page(monkeypatch):
    """A page without figures, which take most of the time of a test that does not look at them."""
    monkeypatch.setattr("asperity.measurements.force_curves.page.html.render",
                        lambda results, *_: str(results["modulus"].values))


def install():
    """Put this module in the place of `asperity.measurements.force_curves.fit_curves`."""
    stand_in = types.ModuleType("asperity.measurements.force_curves.fit_curves")
    stand_in.fit_curves, stand_in.learn_noise, stand_in.session_noises = fit_curves, learn_noise, session_noises
    stand_in.Learnt = Learnt
    sys.modules["asperity.measurements.force_curves.fit_curves"] = stand_in
    return stand_in
