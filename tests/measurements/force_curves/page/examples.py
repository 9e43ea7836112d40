"""Results as a fit would return them, made from Hertz's formula and noise with numpy alone."""

import functools
import json

import numpy as np
import xarray as xr

from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import gathered
from asperity.quantities import variable_attributes

RADIUS, POISSON, NOISE = 5e-6, 0.5, 3e-11


def _force(indentation, modulus):
    depth = np.maximum(indentation, 0.0)
    return 4 / 3 * modulus / (1 - POISSON**2) * np.sqrt(RADIUS) * depth**1.5


def _columns(rng, truth, contact):
    n = len(truth)
    noise, calibration = 0.01 * truth * (1 + rng.random(n)), 0.12 * truth
    modulus = truth + noise * rng.standard_normal(n)
    adhesion = 1e-3 * (1 + 0.3 * rng.random(n))
    return {
        "modulus": modulus,
        "modulus_std_noise": noise,
        "modulus_std_calibration": calibration,
        "modulus_std": np.hypot(noise, calibration),
        "true_modulus": truth,
        "pull_off_force": adhesion * 1e-6,
        "pull_off_force_std_noise": np.full(n, 2e-11),
        "pull_off_force_std_calibration": 0.1 * adhesion * 1e-6,
        "pull_off_force_std": np.hypot(2e-11, 0.1 * adhesion * 1e-6),
        "contact_point": contact + 2e-9 * rng.standard_normal(n),
        "contact_point_std": np.full(n, 2e-9),
        "true_contact_point": contact,
        "noise_std": np.full(n, NOISE),
        "noise_correlation": np.full(n, 3.0),
        "reduced_chi_square": rng.chisquare(90, n) / 90,
        "residual_rms": np.full(n, NOISE),
        "window_start": contact + 1.2e-6,
        "window_stop": contact - 0.4e-6,
        "baseline_offset": np.zeros(n),
        "baseline_tilt": np.zeros(n),
        "force_max": _force(np.full(n, 4e-7), truth),
        "sample_size": np.full(n, 512),
    }


def _attributes(name):
    try:
        return variable_attributes(name.removeprefix("true_").split("_std")[0])
    except KeyError:
        return {}


def map_results(rows=6, columns=9, *, file="map.jpk-force-map", seed=0, points=100, pitch=0.5e-6):
    """A map whose modulus rises along the columns and, faster, along the rows: no flip looks the same."""
    rng = np.random.default_rng(seed)
    n = rows * columns
    row, column = np.divmod(np.arange(n), columns)
    truth = 1000.0 * (
        1
        + 0.5 * row / rows * 3
        + 0.4 * column / columns
        + 0.8 * (np.hypot(row - rows / 3, column - columns / 2) < rows / 5)
    )
    contact = 3e-6 + 1e-8 * row
    data = {
        name: ("curve", value, _attributes(name)) for name, value in _columns(rng, truth, contact).items()
    }
    position = contact[:, None] + np.linspace(1.4e-6, -0.4e-6, points)
    fit = _force(contact[:, None] - position, data["modulus"][1][:, None])
    force = _force(contact[:, None] - position, truth[:, None]) + NOISE * rng.standard_normal((n, points))
    for name, value in (("tip_position", position), ("force", force), ("fit", fit)):
        data[f"display_{name}"] = (("curve", "point"), value.astype(np.float32))
    data["flag"] = (
        "curve",
        np.zeros(n, dtype=np.int8),
        {
            "flag_values": np.arange(len(Outcome), dtype=np.int8),
            "flag_meanings": " ".join(o.name for o in Outcome),
        },
    )
    coords = {
        "curve": np.arange(n),
        "file": ("curve", np.full(n, f"/data/{file}")),
        "curve_in_file": ("curve", np.arange(n)),
        "session": ("curve", np.full(n, "s")),
        "row": ("curve", row),
        "column": ("curve", column),
        "x": ("curve", 1e-6 + pitch * column),
        "y": ("curve", -2e-6 + pitch * row),
        "spring_constant": ("curve", np.full(n, 0.045), variable_attributes("spring_constant")),
        "sensitivity": ("curve", np.full(n, 2.4e-8), variable_attributes("sensitivity")),
        "radius": ((), RADIUS, variable_attributes("radius")),
        "radius_std": ((), 0.1, {"units": "1"}),
        "spring_constant_std": ((), 0.08, {"units": "1"}),
        "poisson_ratio": ((), POISSON),
    }
    history = [
        {
            "verb": "read",
            "arguments": {"paths": [f"/data/{file}"]},
            "versions": {"asperity": "0.1.0"},
            "inputs": {file: "0123abcd"},
            "seed": None,
        },
        {"verb": "fit", "arguments": {"model": "hertz", "radius": RADIUS}, "versions": {"asperity": "0.1.0"}},
    ]
    attrs = {
        "model": "Hertz",
        "history": json.dumps(history),
        "citations": json.dumps(["@article{Hertz1881,\n  author = {Hertz, H.},\n  year = {1881}\n}"]),
    }
    return xr.Dataset(data, coords, attrs)


def without_figures(monkeypatch):
    """Pages of text alone, for tests that do not look at the figures, which take nearly all of the time."""
    from asperity.measurements.force_curves.page import html  # brings Bokeh, which the other users need not

    none = html._figures(gathered(xr.Dataset(coords={"curve": np.arange(0)})))
    monkeypatch.setattr(html, "_figures", lambda contents: none)


def flagged(results, outcomes):
    """The same results with these curves failed: {curve: outcome}; unusable numbers become NaN."""
    results = results.copy(deep=True)
    for curve, outcome in outcomes.items():
        results["flag"].values[curve] = outcome
        if not outcome.usable:
            for name in (
                "modulus",
                "modulus_std",
                "modulus_std_noise",
                "modulus_std_calibration",
                "contact_point",
                "reduced_chi_square",
            ):
                results[name].values[curve] = np.nan
            results["display_fit"].values[curve] = np.nan
    return results


def joined(parts, **attrs):
    """Several results as one, as a folder run makes them."""
    whole = xr.concat(
        parts,
        "curve",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    return whole.assign_coords(curve=np.arange(whole.sizes["curve"])).assign_attrs(attrs)


def off_grid(results):
    """The same results without grid and positions."""
    n = results.sizes["curve"]
    gone = {name: ("curve", np.full(n, -1)) for name in ("row", "column")}
    return results.assign_coords(gone | {name: ("curve", np.full(n, np.nan)) for name in ("x", "y")})


#: results that a page has to bear
ODD = {
    "single": lambda: off_grid(map_results(1, 1)),
    "line": lambda: off_grid(map_results(1, 7)),
    "nothing usable": lambda: flagged(map_results(2, 3), dict.fromkeys(range(6), Outcome.uncalibrated)),
    "several": lambda: joined(
        [map_results(3, 4), off_grid(flagged(map_results(1, 3, file="b.ibw"), {1: Outcome.unreadable}))]
    ),
    "no display curves": lambda: map_results(2, 3).drop_vars(
        [f"display_{name}" for name in ("tip_position", "force", "fit")]
    ),
}


@functools.cache
def odd_page(name):
    """Odd results and their page, drawn once for those who read it and those who open it in a browser."""
    from asperity.measurements.force_curves.page import html

    results = ODD[name]()
    return results, html.render(results)
