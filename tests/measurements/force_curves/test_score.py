"""The scorecard judges results whose merits and faults are known."""

import json

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import asperity
from asperity.data import store
from asperity.data.results import flag_attributes
from asperity.learning.discrepancy import Departure
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import score as scorecard
from asperity.measurements.force_curves.contents import gathered
from asperity.measurements.force_curves.criteria import Verdict
from asperity.messages import DataError
from tests.measurements.force_curves.watched import watched

COUNT, POINTS = 240, 60


def results(*, exponent=1.5, error=0.01, stated=0.01, shifted=False, misfit=0, seed=0):
    """Fits of a paraboloid to forces that grow with another exponent, with known truth."""
    rng = np.random.default_rng(seed)
    truth = 1e4 * np.exp(0.3 * rng.standard_normal(COUNT))
    modulus = truth * (1 + error * rng.standard_normal(COUNT))
    indentation = np.linspace(-3e-7, 5e-7, POINTS)
    depth = np.maximum(indentation, 0) / 5e-7
    top = modulus * 1e-12
    session = np.repeat(["monday", "tuesday", "friday"], COUNT // 3)
    noise = np.where((session == "friday") & shifted, 5e-2, 1e-3) * top
    force = top[:, None] * depth**exponent + noise[:, None] * rng.standard_normal((COUNT, POINTS))
    flag = np.where(np.arange(COUNT) < misfit, Outcome.misfit, Outcome.converged).astype(np.int8)
    spread = np.exp(0.1 * rng.standard_normal((3, COUNT)))
    per_curve = {"modulus": modulus, "modulus_std": stated * modulus, "modulus_std_noise": stated * modulus,
                 "true_modulus": truth, "contact_point": np.zeros(COUNT), "force_max": top * spread[0],
                 "indentation_max": 5e-7 * spread[1], "noise_std": noise * spread[2],
                 "noise_correlation": np.exp(0.1 * rng.standard_normal(COUNT)),
                 "reduced_chi_square": 1 + 0.1 * rng.standard_normal(COUNT)}
    step = {"verb": "analyze", "arguments": {}, "inputs": [{"file": "a", "sha256": "0", "bytes": 1}]}
    return xr.Dataset(
        {name: ("curve", array) for name, array in per_curve.items()}
        | {"flag": ("curve", flag), "display_force": (("curve", "point"), force),
           "display_fit": (("curve", "point"), top[:, None] * depth**1.5),
           "display_tip_position": (("curve", "point"), np.tile(-indentation, (COUNT, 1)))},
        {"curve": np.arange(COUNT), "session": ("curve", session), "radius": ("curve", np.full(COUNT, 5e-6))},
        {"model": "Hertz", "history": json.dumps([step])})


def verdicts(scores) -> dict[str, Verdict]:
    return {row["criterion"]: Verdict[row["verdict"]] for row in scorecard.rows(scores)}


def value(scores, criterion, column="value"):
    return float(scores[column].sel(criterion=criterion))


def test_a_sound_result_is_good_in_everything_but_the_calibration():
    found = verdicts(asperity.score(results()))
    assert {name for name, verdict in found.items() if verdict != Verdict.good} == {"calibration"}
    assert found["calibration"] == Verdict.doubtful


def test_two_curves_do_not_show_how_sure_an_exponent_is():
    few = asperity.score(results(exponent=2.0).isel(curve=[0, 1]))
    assert verdicts(few)["contact_exponent"] == Verdict.unknown
    assert value(few, "contact_exponent") == pytest.approx(2.0, abs=0.05)
    assert "fewer than 3 curves" in str(few["statement"].sel(criterion="contact_exponent").values)
    assert verdicts(asperity.score(results(exponent=2.0).isel(curve=[0, 1, 2])))["contact_exponent"] == Verdict.bad


def test_the_kinds_are_those_of_the_evaluation_chapter():
    kinds = asperity.score(results())["kind"].values.tolist()
    assert list(dict.fromkeys(kinds)) == ["accuracy", "consistency", "physics", "coverage", "shift", "provenance"]


@pytest.mark.parametrize(("exponent", "verdict"), [(1.5, Verdict.good), (1.6, Verdict.doubtful), (2.0, Verdict.bad)])
def test_a_wrong_exponent_shows_in_consistency_even_if_r2_is_high(exponent, verdict):
    wrong = asperity.score(results(exponent=exponent))
    assert verdicts(wrong)["contact_exponent"] == verdict
    assert value(wrong, "contact_exponent") == pytest.approx(exponent, abs=0.01)
    assert value(wrong, "contact_exponent", "target") == pytest.approx(1.5, abs=1e-3)  # of a grid of contact points
    assert value(wrong, "force_r2") > 0.8
    assert value(wrong, "utility") == pytest.approx(
        0.5 * value(wrong, "force_r2") + 0.5 * max(0, 1 - ((exponent - 1.5) / 0.2) ** 2), abs=0.01)


@pytest.mark.study
@pytest.mark.parametrize(("stated", "share"), [(0.01, 0.6827), (0.005, 0.3829), (0.02, 0.9545)])
def test_coverage_is_that_of_the_normal_distribution(stated, share):
    judged = asperity.score(results(stated=stated))
    assert value(judged, "modulus_68") == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / COUNT))
    assert (verdicts(judged)["modulus_68"] == Verdict.good) == (stated == 0.01)


def test_a_session_unlike_the_others_is_named():
    shifted = asperity.score(results(shifted=True))
    assert verdicts(shifted)["unlike_other_sessions"] == Verdict.bad
    row = next(r for r in scorecard.rows(shifted) if r["kind"] == "shift")
    assert "friday" in row["statement"]
    assert verdicts(asperity.score(results()))["unlike_other_sessions"] == Verdict.good


def test_misfits_and_an_assumed_tip_are_told():
    fitted = results(misfit=COUNT // 2)
    found = asperity.score(fitted)
    assert value(found, "misfit") == pytest.approx(0.5)
    assert verdicts(found)["misfit"] == Verdict.bad
    assumed = asperity.score(fitted.assign_attrs(assumed='{"radius": 1e-6}'))
    assert verdicts(assumed)["calibration"] == Verdict.bad


@pytest.mark.parametrize("radius_power", [0.0, -0.5])
def test_a_modulus_that_depends_on_the_tip_is_seen(radius_power):
    plain = results()
    radius = np.repeat(np.geomspace(1e-6, 2e-5, 6), COUNT // 6)
    tips = plain.assign_coords(radius=("curve", radius),
                               session=("curve", np.repeat([f"tip {i}" for i in range(6)], COUNT // 6)))
    tips["modulus"] = tips["modulus"] * (radius / 5e-6) ** radius_power
    scores = asperity.score(tips)
    assert value(scores, "modulus_against_radius") == pytest.approx(radius_power, abs=0.06)
    assert (verdicts(scores)["modulus_against_radius"] == Verdict.good) == (radius_power == 0)


@pytest.mark.parametrize("poor", [
    results().drop_vars(["display_fit", "true_modulus", "session"]),
    results().isel(curve=[0]),
    xr.Dataset({"modulus": ("curve", [1e3])}),
    results().assign(flag=("curve", np.full(COUNT, Outcome.no_contact, np.int8)))])
def test_what_is_missing_is_not_known_and_raises_nothing(poor):
    found = verdicts(asperity.score(poor))
    assert "history" in found
    assert Verdict.unknown in found.values()


def test_no_curve_is_refused():
    with pytest.raises(DataError, match="results holds no curve"):
        asperity.score(results().isel(curve=slice(0, 0)))


def test_the_command_prints_and_its_exit_code_tells_a_bad_score(tmp_path):
    from asperity.cli import app

    good, bad = store.save(results(), tmp_path / "good.nc"), store.save(results(exponent=2.0), tmp_path / "bad.nc")
    shown = CliRunner().invoke(app, ["score", str(good)])
    assert shown.exit_code == 0
    assert "consistency  good      In contact the force grows as indentation^1.50" in shown.stdout
    told = CliRunner().invoke(app, ["score", str(bad), "--json"])
    assert told.exit_code == 1
    records = {record["criterion"]: record for record in json.loads(told.stdout)}
    assert records["contact_exponent"]["verdict"] == "bad"


def test_the_report_shows_it_first():
    from asperity.measurements.force_curves.page.html import render

    page = render(results(exponent=2.0))
    assert page.index("Scorecard:") < page.index('class="finding"')
    assert "steeper, as over a stiff substrate" in page


@pytest.mark.parametrize(("chance", "verdict"), [(0.8, Verdict.good), (0.15, Verdict.doubtful), (1e-9, Verdict.bad)])
def test_what_the_curves_show_together_of_the_model_is_a_criterion(chance, verdict):
    judged = results()
    judged = judged.assign(model_chance=("curve", np.full(COUNT, chance)), modulus_std_model=0.2 * judged["modulus"],
                           modulus_unseen=("curve", np.full(COUNT, 0.08)),
                           departure=("curve", np.full(COUNT, int(Departure.like_a_thin_layer_on_a_stiff_support)),
                                      flag_attributes(Departure)),
                           departure_second=("curve", np.full(COUNT, int(Departure.like_a_softer_surface)),
                                             flag_attributes(Departure)))
    scores = asperity.score(judged)
    assert verdicts(scores)["model_holds"] == verdict
    said = str(scores["statement"].sel(criterion="model_holds").values)
    assert ("like a thin layer on a stiff support or like a softer surface" in said) == (verdict == Verdict.bad)
    assert ("below 0.1 %" in said) == (verdict == Verdict.bad)
    assert ("changes the modulus by less than 8.0 % would hardly show" in said) == (verdict == Verdict.good)


def test_half_of_the_depth_and_a_large_contact_are_criteria():
    judged = results()
    judged = judged.assign(modulus_half_depth=0.8 * judged["modulus"],
                           contact_radius_over_tip=("curve", np.full(COUNT, 0.4)))
    found = verdicts(asperity.score(judged))
    assert found["half_depth"] == Verdict.doubtful
    assert found["contact_radius"] == Verdict.doubtful
    assert "model sphere instead" in str(asperity.score(judged)["statement"].sel(criterion="contact_radius").values)
    adhesive = judged.assign(work_of_adhesion=("curve", np.full(COUNT, 1e-3)))
    assert "model jkr_sphere" in str(asperity.score(adhesive)["statement"].sel(criterion="contact_radius").values)
    small = judged.assign(contact_radius_over_tip=("curve", np.full(COUNT, 0.2)))
    assert "contact_radius" not in verdicts(asperity.score(small))


@pytest.mark.parametrize(("size", "noise", "verdict"), [
    (0.0, 0.01, Verdict.good), (0.35, 0.01, Verdict.bad), (0.35, 0.15, Verdict.good), (0.18, 0.01, Verdict.doubtful)])
def test_changes_up_and_down_with_the_depth_do_not_cancel(size, noise, verdict):
    """Half of the curves rise, half fall: what counts is how far, less what noise does to half of the depth."""
    judged = results()
    change = 1 + size * np.where(np.arange(COUNT) % 2, 1.0, -1.0)
    judged = judged.assign(modulus_half_depth=change * judged["modulus"], modulus_std_noise=noise * judged["modulus"])
    assert verdicts(asperity.score(judged))["half_depth"] == verdict


def test_intervals_are_judged_as_they_are_stated():
    """Twice as wide as 1.96 standard uncertainties on either side: they hold all but one in ten thousand."""
    judged = results()
    reach = 2 * 1.96 * judged["modulus_std"]
    wide = judged.assign(modulus_low=judged["modulus"] - reach, modulus_high=judged["modulus"] + reach)
    assert value(asperity.score(wide), "modulus_95") > 0.99
    assert value(asperity.score(wide), "modulus_68") == value(asperity.score(judged), "modulus_68")


def test_the_curves_of_display_are_read_in_blocks_and_judged_as_if_at_once(monkeypatch):
    whole = scorecard.judged(gathered(results()))
    monkeypatch.setattr(scorecard, "_READ", 50)
    monkeypatch.setattr(scorecard, "_AT_ONCE", 7)
    lazy, arrays = watched(results())
    xr.testing.assert_identical(scorecard.judged(gathered(lazy)), whole)
    assert all(0 < array.largest <= 50 * POINTS for array in arrays.values())


def test_what_was_judged_is_not_judged_again_and_belongs_to_whoever_asked(monkeypatch):
    contents = gathered(results())
    first = scorecard.judged(contents)
    monkeypatch.setattr(scorecard, "_judged", None)
    second = scorecard.judged(contents)
    xr.testing.assert_identical(first, second)
    second["value"].values[:] = 0
    xr.testing.assert_identical(scorecard.judged(contents), first)
