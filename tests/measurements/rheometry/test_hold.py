"""Curves that hold, computed by a generator of their own: bands, several holds, what is said of a wrong material."""

import json

import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.learning.outcome import Outcome
from asperity.measurements.rheometry import hold
from asperity.measurements.rheometry.hold import holds
from asperity.measurements.rheometry.page import page
from tests.verify.measurements.force_curves.measured_noise import RADIUS, Source
from tests.verify.measurements.rheometry.held_curves import MATERIALS, PROTOCOLS, curves, held

LENGTH, NOISE, SIGNAL, COUNT = 800, 1e-11, 200.0, 3


def recorded(material="power law", protocol="one hold", **amiss):
    """Curves with white noise, and the truth E(t)."""
    rng = np.random.default_rng(0)
    own = Source([NOISE * rng.standard_normal(4 * LENGTH) for _ in range(4)], 0.05)
    one = held(own, material, protocol, SIGNAL * NOISE, LENGTH)
    return curves(own, one, COUNT, rng, **amiss), lambda t: one.size * MATERIALS[material].modulus(t)


def soft(material, noise, bend=3e-7):
    """Curves on a lever that bends by 0.3 um, so that its white noise moves the tip, and the truth E(t)."""
    rng, top = np.random.default_rng(0), 1e-9
    own = Source([noise * top * rng.standard_normal(4 * LENGTH) for _ in range(6)], top / bend)
    one = held(own, material, "one hold", top, LENGTH)
    return curves(own, one, 6, rng), lambda t: one.size * MATERIALS[material].modulus(t)


def inside(found, truth, protocol="one hold"):
    """The share of the bands that hold the truth, between a tenth of a second and the end of the hold."""
    grid = found["fit_time"].values
    some = (grid > 0.1) & (grid < 0.9 * PROTOCOLS[protocol][-1])
    low, high = (found[f"relaxation_fit{end}"].values[:, some] for end in ("_low", "_high"))
    return np.mean((low <= truth(grid[some])) & (truth(grid[some]) <= high))


@pytest.mark.parametrize(("protocol", "amiss"), [("one hold", {}), *(
    pytest.param(*more, marks=pytest.mark.study) for more in (("two holds", {}), ("one hold", {"tilt": 0.03}),
                                                              ("one hold", {"drag": 0.01})))])
def test_bands_hold_the_truth(protocol, amiss):
    """Whole tables on measured noise are in tests/verify; three curves hold it at most times."""
    data, truth = recorded(protocol=protocol, **amiss)
    found = holds(data, Hertz(radius=RADIUS))
    assert (found["flag"] == Outcome.converged).all()
    assert inside(found, truth, protocol) > 0.6
    assert (np.abs(found["contact_point"]) < 4 * found["contact_point_std"]).all()
    assert found["fit_time"].values[0] >= 3.5 * float(np.diff(data["time"].values[0, 1, :2])[0])


@pytest.mark.parametrize(("material", "short", "end"), [
    ("power law", 0.03, 0.02), pytest.param("20 ms", 0.03, 0.01, marks=pytest.mark.study)])
def test_noise_that_moves_the_tip_makes_nothing_weaker(material, short, end):
    """Taken for indentation, noise of 1 % made E(18 ms) 13 and 28 % too low in every curve, at a stated 6 and 7 %, and
    the end of the hold of a solid of 20 ms 2.5 % too low at 2.5 %: no band of six held the former."""
    data, truth = soft(material, 0.01)
    found = holds(data, Hertz(radius=RADIUS))
    grid = found["fit_time"].values
    some = grid < 0.1
    value, low, high = (found[f"relaxation_fit{one}"].values for one in ("", "_low", "_high"))
    assert np.mean((low <= truth(grid)) & (truth(grid) <= high), axis=0)[some].mean() > 0.6
    off = np.abs(np.median(value, axis=0) / truth(grid) - 1)
    assert off[np.argmin(np.abs(grid - short))] < 0.05
    assert off[grid < 0.9 * PROTOCOLS["one hold"][-1]][-1] < end


def test_many_curves_say_what_does_not_average_out():
    data, _ = recorded("Zener")
    many, one = (page(holds(some, Hertz(radius=RADIUS), draws=4)) for some in (data, data.isel(curve=[0])))
    assert "does not average it out" in many.remarks[-1]
    assert "average" not in " ".join(one.remarks)


def test_all_holds_of_a_curve_are_fitted_together():
    """The second hold goes deeper and lasts longer: with it E is surer than from the first hold alone."""
    data, truth = recorded("Zener", "two holds")
    both, first = (holds(some, Hertz(radius=RADIUS)) for some in (data, data.sel(segment=["approach", "pause"])))
    at = int(np.argmin(np.abs(both["fit_time"].values - 0.5)))
    where = int(np.argmin(np.abs(first["fit_time"].values - 0.5)))
    width = [float(np.median(found["relaxation_fit_high"].values[:, i] - found["relaxation_fit_low"].values[:, i]))
             for found, i in ((both, at), (first, where))]
    assert width[0] < 0.8 * width[1]
    assert inside(both, truth, "two holds") > 0.6


def test_a_tilted_baseline_leaves_the_drift_of_the_hold_open():
    """The baseline shows the sum of tilt and drift: at the end of the hold the band is wider by what that may do."""
    plain, tilted = (holds(recorded(**amiss)[0], Hertz(radius=RADIUS)) for amiss in ({}, {"tilt": 0.05}))
    plain, tilted = (np.median(np.log(found["relaxation_fit_high"] / found["relaxation_fit_low"]).values[:, -1])
                     for found in (plain, tilted))
    assert tilted > 2 * plain


def test_what_no_relaxing_material_does_is_flagged_and_said():
    data, _ = recorded("Zener")
    pause = data["segment"] == "pause"
    wave = 1 + 0.15 * np.sin(12 * data["time"])
    found = holds(data.assign(force=data["force"].where(~pause, data["force"] * wave)), Hertz(radius=RADIUS))
    assert (found["flag"] == Outcome.misfit).all()
    assert "no relaxing material gives these" in " ".join(json.loads(found.attrs["findings"]))
    told = page(found)
    assert told.headline.startswith("No relaxing material gives these forces")
    assert told.findings[0].line.endswith("not defended")
    found["flag"][0] = Outcome.small_misfit  # then that curve alone is told
    assert page(found).headline.startswith(f"{COUNT} of {COUNT} curves fitted")
    assert "Median" not in page(found).findings[0].meaning


def test_a_curve_that_begins_in_contact_says_so():
    data, _ = recorded("Zener")
    late = data.isel(sample=slice(150, None))  # the base touches after 137
    found = holds(late.assign_coords(sample_count=data["sample_count"] - 150), Hertz(radius=RADIUS))
    assert (found["flag"] == Outcome.not_fitted).all()
    assert "begins in contact" in " ".join(json.loads(found.attrs["findings"]))


def test_very_many_samples_are_taken_by_their_means(monkeypatch):
    """Half of the samples tell the same material, within the bands."""
    data, truth = recorded("Zener")
    monkeypatch.setattr(hold, "_MOST", LENGTH // 2)
    found = holds(data, Hertz(radius=RADIUS))
    assert (found["flag"] == Outcome.converged).all()
    assert inside(found, truth) > 0.6
