"""`asperity.force_law`: approaches over a known law, damaged ones, measured ones; the same after an interruption."""

import functools

import numpy as np
import pytest
from bokeh.models import BoxAnnotation

import asperity
from asperity.data.results import codes
from asperity.measurements.tip_force.page import page
from asperity.messages import ArgumentError, DataError
from asperity.report.numbers import plain
from tests.conftest import shared_data
from tests.measurements.tip_force import approaching

DRAWS = 32  # few: bands of 95 % are taken at a third more of their width


@functools.cache
def law():
    data = approaching.dataset([1, 2, 3])
    data["force"][1] *= np.nan
    return asperity.force_law(data, draws=DRAWS)


def test_the_true_law_lies_in_its_bands():
    made = law()
    for curve in (0, 2):
        one = made.isel(curve=curve)
        z = one["separation"].values
        middle, half = one["force"].values, (one["force_high"] - one["force_low"]).values / 2
        measured = (z <= 0) | (z >= float(one["attraction_from"]))
        inside = np.abs(approaching.dmt(z) - middle) <= 1.35 * half
        assert inside[measured].mean() > 0.9
        assert abs(float(one["contact_point"])) < 4 * float(one["contact_point_std"]) < 2e-9
        off, std = float(one["modulus"]) - approaching.MODULUS, float(one["modulus_std"])
        assert abs(off) < 4 * std < 3 * approaching.MODULUS


def test_parts_add_to_the_whole():
    one = law().isel(curve=0)
    np.testing.assert_allclose(one["part_force"].sum("part"), one["force"], rtol=1e-9, atol=1e-18)
    spread = one["part_covariance"].sum(["part", "part_"])
    np.testing.assert_allclose(spread, one["force_std_epistemic"] ** 2, rtol=1e-9)
    outside = one["separation"].values > 0
    assert np.all(one["part_force"].sel(part="contact").values[outside] == 0)
    assert np.all(one["part_force"].sel(part="discrepancy").values[outside] == 0)


def test_the_gradient_is_the_slope_of_the_law():
    one = law().isel(curve=0)
    made = asperity.predict(law(), np.linspace(4e-9, 6e-9, 201))
    force, slope = (made[name].isel(curve=0).values for name in ("force", "force_gradient"))
    z = made["separation"].isel(curve=0).values
    np.testing.assert_allclose(np.gradient(force, z)[1:-1], slope[1:-1], rtol=1e-3)
    assert np.all(np.isfinite(one["force_gradient_std"]))


def test_far_away_the_law_vanishes_with_its_bands():
    far = asperity.predict(law(), [1e-7, 1e-6, 1e-5])
    std = far["force_std_epistemic"].isel(curve=0).values
    assert np.all(np.diff(std) < 0)
    assert std[-1] < 1e-15
    assert np.all(np.abs(far["force"].isel(curve=0)) <= 3 * std)


def test_what_was_not_measured_is_marked():
    """The jump, and what is farther or deeper than the data."""
    one = law().isel(curve=[0])
    there = one["bin_separation"].values[0][np.isfinite(one["bin_separation"].values[0])]
    gap = there[there <= 0].max(), there[there > 0].min()
    asked = [1.1 * there.min(), 0.9 * there.min(), np.mean(gap), 1.1 * gap[1], 0.9 * there.max(), 1.1 * there.max()]
    np.testing.assert_array_equal(asperity.predict(one, asked)["extrapolated"][0], [1, 0, 1, 0, 0, 1])


def test_predict_gives_the_law_itself():
    one = law().isel(curve=[0])
    again = asperity.predict(one, one["separation"].values[0])
    for name in ("force", "force_low", "force_std_epistemic", "force_std_noise", "force_gradient", "part_covariance"):
        np.testing.assert_allclose(again[name], one[name], rtol=1e-7, atol=1e-12 * float(np.abs(one[name]).max()))


def test_a_dead_curve_is_named_and_the_others_go_on():
    made = law()
    assert [codes(made)[int(flag)].name for flag in made["flag"]] == ["converged", "not_fitted", "converged"]
    assert "curve 1: 0 samples with a force and a height in the approach" in made.attrs["findings"]
    assert "2 of 3 curves fitted." in made.attrs["findings"]


def test_a_curve_alone_is_the_same_as_among_others():
    """The last of three, too: its draws go by its samples, not by its number."""
    alone = asperity.force_law(approaching.dataset([3]), draws=DRAWS)
    for name in ("force", "force_low", "modulus", "hyperparameter"):
        np.testing.assert_array_equal(alone[name][0], law()[name][2])


def test_another_seed_gives_other_draws():
    again = asperity.force_law(approaching.dataset([3]), draws=DRAWS, seed=1)
    assert np.all(again["hyperparameter"][0] != law()["hyperparameter"][2])


@pytest.mark.parametrize(("change", "why"), [
    (lambda d: d.assign(height=-d["height"]), "the height does not fall along the approach"),
    (lambda d: d.isel(sample=slice(700, None)).assign_coords(sample_count=d["sample_count"] - 700), "before contact"),
    (lambda d: d.assign_coords(sample_count=d["sample_count"] - 760), "40 samples with a force and a height"),
    (lambda d: d.assign(force=d["force"] * 0 + 1e-9), "the force is the same in all samples"),
    (lambda d: d.assign_coords(sample_count=d["sample_count"] - 150), "no contact is seen")])
def test_what_cannot_be_fitted_says_why(change, why):
    made = asperity.force_law(change(approaching.dataset([1])), draws=DRAWS)
    assert why in made.attrs["findings"]
    assert np.isnan(made["force"]).all()


def test_a_cut_off_force_is_left_out_and_said():
    """At its end a detector says the same whatever the lever does: taken for a force, it was an attraction of 17 nN."""
    data = approaching.dataset([1])
    made = asperity.force_law(data.assign(force=data["force"].clip(max=1.4e-8)), draws=DRAWS)
    one = made.isel(curve=0)
    assert codes(made)[int(one["flag"])].name == "saturated"
    assert float(one["modulus_low"]) < approaching.MODULUS < float(one["modulus_high"])
    assert float(one["contact_attraction_low"]) < approaching.dmt(0.0) < float(one["contact_attraction_high"]) < 0


@pytest.mark.study
def test_a_lever_that_shakes_more_than_it_indents_tells_no_modulus():
    made = asperity.force_law(approaching.dataset([1], stiffness=0.2, white=4e-10, slow=0.0, start=400e-9, end=-60e-9),
                              draws=DRAWS)
    assert codes(made)[int(made["flag"][0])].name == "bound_hit"
    assert np.isnan(made["modulus"]).all()
    assert "the lever is too soft" in " ".join(page(made).remarks)


def test_the_page_shades_what_was_not_measured():
    """From the first sample in contact on to the nearest before it, not from the surface."""
    one = law().isel(curve=[0])
    plot = page(one).panels[0].figures[0]
    box = next(item for item in plot.center if isinstance(item, BoxAnnotation))
    there = one["bin_separation"].values[0]
    assert box.left * 1e-9 == pytest.approx(there[there <= 0].max())
    assert box.right * 1e-9 == pytest.approx(there[there > 0].min())


def test_wrong_arguments_are_refused():
    data = approaching.dataset([1])
    with pytest.raises(ArgumentError, match="has adhesion"):
        asperity.force_law(data, "jkr")
    with pytest.raises(DataError, match="no approach"):
        asperity.force_law(data.assign_coords(segment=["retract"]))
    with pytest.raises(DataError, match="spring constant is not known"):
        asperity.force_law(data.assign_coords(spring_constant=data["spring_constant"] * np.nan))
    with pytest.raises(ArgumentError, match="give 1 to 4096"):
        asperity.predict(law(), [])


@pytest.mark.parametrize(("name", "seen"), [("fmt-igor-fd_SiN_FD_plot.ibw", True), ("spectroscopy.nid", False)])
def test_measured_curves(name, seen):
    """A silicon nitride tip whose attraction shows before it jumps, and a stiff lever in whose waves it drowns."""
    curves = asperity.read(shared_data(f"force/adhesion/{name}")).isel(curve=[0])
    made = asperity.force_law(curves, {"name": "hertz", "radius": 1e-8}, draws=DRAWS)
    assert bool(np.isfinite(made["attraction_to"][0])) == seen
    bounded = float(made["modulus_low"][0]) <= 0
    assert codes(made)[int(made["flag"][0])].name == ("bound_hit" if bounded else "converged")
    assert float(made["contact_attraction"][0]) < 0
    if seen:
        assert 0.5 < float(made["noise_factor"][0]) < 2


def test_a_contact_that_is_plain_to_see_has_a_law_however_wide_its_bands(monkeypatch):
    """Draws of several maxima may leave the elastic force open; the data still show a contact."""
    from asperity.measurements.tip_force import law as module

    monkeypatch.setattr(module, "_touches", lambda law: False)
    made = asperity.force_law(approaching.dataset([1]), draws=DRAWS)
    np.testing.assert_array_equal(made["force"][0], law()["force"][0])
    assert int(made["flag"][0]) == 0


def test_a_modulus_that_is_not_told_from_zero_is_flagged(monkeypatch):
    from asperity.measurements.tip_force import law as module

    found = module.numbers
    monkeypatch.setattr(module, "numbers", lambda *given: found(*given) | {"modulus_low": -1e8})
    made = asperity.force_law(approaching.dataset([1]), draws=DRAWS)
    assert codes(made)[int(made["flag"][0])].name == "bound_hit"
    assert np.isfinite(made["modulus_high"][0])
    assert np.isfinite(made["force"]).all()
    assert "In 1 curve the modulus is not told from zero" in " ".join(page(made).remarks)


def test_a_modulus_that_is_not_told_from_zero_is_a_bound():
    made = law().isel(curve=[0]).copy(deep=True)
    made["modulus_low"][:] = -1e8
    lines = {finding.name: finding.line for finding in page(made).findings}
    high = float(made["modulus_high"][0])
    assert lines["modulus at vanishing depth"] == f"below {plain(high, 'Pa', 2)} (97.5 %), not told from zero"
