"""From curves in a dataset to the contact model that they call for."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import asperity
from asperity.contact import DMT, JKR
from asperity.data import store
from asperity.learning.adequacy import Model
from asperity.learning.selection import Reason
from asperity.measurements import replay as replaying
from asperity.measurements.force_curves import select as choosing
from asperity.virtual.force_map import Instrument, Noise, Specimen, virtual_map

SIZE = 4


def virtual(model, *, spring_constant=0.05, noise=None, seed=1):
    """A small map of one homogeneous material."""
    return virtual_map(rows=SIZE, columns=SIZE, samples=512, model=model, specimen=Specimen(discs=0, fibers=0),
                       instrument=Instrument(spring_constant=spring_constant), noise=noise or Noise(), seed=seed)


@pytest.fixture(scope="module")
def soft():
    """A gel under a bead: Maugis parameter in the tens."""
    return virtual(JKR(radius=5e-6, modulus=2e4, work_of_adhesion=1e-4))


@pytest.fixture(scope="module")
def chosen(soft):
    return asperity.select(soft, radius=5e-6)


def test_a_gel_under_a_bead_is_jkr(chosen):
    assert (chosen["contact_model"].values == int(Model.jkr)).all()
    assert (chosen["reasons"].values == 0).mean() > 0.9
    assert (chosen["contact_model_probability"].sel(candidate="jkr") > 0.9).all()
    assert choosing.in_words(chosen)[1].strip() == f"jkr: {int((chosen['reasons'].values == 0).sum())}"


def test_the_scorecard_judges_a_choice(chosen):
    scores = asperity.score(chosen)
    share = float((chosen["reasons"] == 0).mean())
    assert float(scores["value"].sel(criterion="model_named")) == share


def test_modulus_and_adhesion_hold_without_a_choice(soft, chosen):
    for name in ("modulus", "work_of_adhesion"):
        truth = soft[f"true_{name}"].values
        assert np.median(np.abs(chosen[name].values / truth - 1)) < 0.03, name
        inside = (chosen[f"{name}_low"].values <= truth) & (truth <= chosen[f"{name}_high"].values)
        assert inside.mean() > 0.8, name


def test_a_hard_sample_under_a_sharp_tip_is_dmt():
    """Maugis parameter 0.03; only the separation, given here, can tell: a soft lever does not show the neck."""
    hard = virtual(DMT(radius=2e-8, modulus=5e10, work_of_adhesion=0.01), spring_constant=20.0, noise=Noise.silent())
    found = asperity.select(hard, radius=2e-8, instrument={"separation": 0.4e-9, "separation_std": 0.3})
    assert (found["maugis_parameter"] < 0.2).all()
    assert (found["contact_model"].values != int(Model.jkr)).all()


def test_what_lies_outside_of_the_theory_is_said(soft):
    outside = asperity.select(soft, radius=5e-6, instrument={"surface_tension": 0.07, "thickness": 3e-6})
    for reason in (Reason.elastocapillary, Reason.thin_layer):
        assert ((outside["reasons"].values & int(reason)) > 0).all()
        assert any(Reason(reason).meaning in line for line in choosing.in_words(outside))


def test_curves_without_contact_have_no_answer(soft):
    flat = soft.load().copy(deep=True)
    rng = np.random.default_rng(0)
    noise = 1e-11 * rng.standard_normal(flat["force"].shape)
    flat["force"].values[:] = np.where(np.isfinite(flat["force"]), noise, np.nan)
    found = asperity.select(flat, radius=5e-6)
    assert (found["contact_model"].values == -1).all()
    assert (found["reasons"].values == int(Reason.not_fitted)).all()
    assert np.isnan(found["modulus"].values).all()


def test_the_neck_is_seen_with_a_stiff_lever_only():
    force = np.array([[0.0, 0.0, 0.0, -0.6, -0.8, -1.0, -0.5, 0.5, 2.0],
                      [0.0, 0.0, 0.0, -1.0, -0.95, -0.8, 0.0, 1.0, 2.0]])
    attached = np.array([[-1, -1, -1, 1, 1, 1, 1, 1, 1]] * 2)
    seen = choosing._neck_seen(force, attached, np.ones_like(force, bool), np.array([0.01, 0.01]))
    assert seen.tolist() == [True, False]


def test_the_command(soft, tmp_path):
    from asperity.cli import app

    path = store.save(soft, tmp_path / "map.nc")
    told = CliRunner().invoke(app, ["select", str(path), "--radius", "5um", "--out", str(tmp_path / "s.nc"), "--json"])
    counts = json.loads(told.stdout)
    assert counts["curves"] == SIZE**2
    assert counts["models"]["jkr"] == counts["answered"] > 0
    assert told.exit_code == (0 if counts["answered"] == SIZE**2 else 1)
    kept = store.load(tmp_path / "s.nc")
    assert [step["verb"] for step in json.loads(kept.attrs["history"])][-1] == "select"
    assert max(replaying.differences(kept, replaying.replay(kept)).values(), default=0.0) < 1e-6


def test_the_quick_way_agrees(soft, chosen):
    """The network answers for the gel, without averages; for what it has not seen the full way does."""
    quick = asperity.select(soft, radius=5e-6, quick=True)
    assert np.isnan(quick["modulus"].values).all()
    assert (quick["reasons"].values == 0).all()
    assert (quick["contact_model"].values == chosen["contact_model"].values).all()
    stiff = virtual(JKR(radius=1e-6, modulus=1e7, work_of_adhesion=0.02), spring_constant=5.0)
    known = {"separation": 0.4e-9, "separation_std": 0.3}
    whole, quick = (asperity.select(stiff, radius=1e-6, instrument=known, quick=q) for q in (False, True))
    for name in ("modulus", "contact_model", "reasons"):
        np.testing.assert_array_equal(quick[name].values, whole[name].values)


def test_auto_chooses_says_so_and_fits_it(soft, tmp_path):
    results = asperity.analyze(store.save(soft, tmp_path / "map.nc"), {"name": "auto", "radius": 5e-6},
                               out=tmp_path / "out")
    assert results.attrs["model"] == "JKR"
    why = json.loads(results.attrs["selection"])
    assert why[0] == f"Contact model jkr, chosen on {SIZE**2} curves."
    step = json.loads(results.attrs["history"])[-1]
    assert step["arguments"]["model"]["name"] == "jkr"
    assert step["arguments"]["segment"] == "retract"
    assert why[0] in (tmp_path / "out/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("reasons", "models", "expected"), [
    ([0, 0, 0, 1], [1, 1, 2, 3], ("dmt", True)),
    ([0, 0, 4, 4], [1, 2, 3, 3], ("dmt", True)),
    ([0, 2, 2, 2], [1, 2, 2, 2], ("jkr", False)),
    ([4, 4, 4, 256], [2, 2, 2, -1], ("hertz", False))])
def test_what_most_curves_call_for(chosen, reasons, models, expected):
    some = chosen.isel(curve=slice(0, 4)).copy(deep=True)
    some["reasons"].values[:], some["contact_model"].values[:] = reasons, models
    assert choosing.named_by_most(some) == expected
