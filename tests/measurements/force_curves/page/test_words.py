import json

import numpy as np
import pytest

from asperity.data.results import flag_attributes
from asperity.learning.discrepancy import Departure
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import gathered
from asperity.measurements.force_curves.page import records as tables
from asperity.measurements.force_curves.page import words
from asperity.measurements.force_curves.page.remarks import remarks
from asperity.measurements.force_curves.summary import summary
from asperity.report import records
from tests.measurements.force_curves.page.examples import flagged, joined, map_results, off_grid


def test_the_headline_counts():
    results = flagged(map_results(6, 9), {3: Outcome.no_contact, 4: Outcome.misfit})
    assert words.headline(gathered(results)) == "53 of 54 curves from 1 file are usable."
    assert words.headline(gathered(map_results(2, 2))) == "All 4 curves from 1 file are usable."
    assert words.headline(gathered(map_results(1, 1))) == "The only curve, from 1 file, is usable."
    nothing = flagged(map_results(2, 2), dict.fromkeys(range(4), Outcome.uncalibrated))
    assert words.headline(gathered(nothing)) == "None of 4 curves from 1 file is usable."
    lost = json.dumps([{"file": "a.jpk", "problem": "truncated"}])
    two = joined([map_results(2, 2), map_results(2, 2, file="other.nid")], failed_files=lost)
    assert words.headline(gathered(two)) == "All 8 curves from 2 files (1 more could not be read) are usable."
    assert words.headline(gathered(two.isel(curve=slice(0, 0)))) == "No curve could be read from 1 file."


def test_a_finding_is_the_median_of_the_usable_curves_with_typical_uncertainties():
    results = map_results(2, 3)
    results["modulus"].values[:] = [1e3, 2e3, 3e3, 4e3, 5e3, 9e9]
    results["modulus_std_noise"].values[:] = [20, 20, 30, 40, 50, 9e9]
    results["modulus_std_calibration"].values[:] = [100, 200, 300, 400, 500, 9e9]
    results["flag"].values[5] = Outcome.not_converged
    finding = words.findings(gathered(results))[0]
    assert finding.name == "modulus"
    assert finding.line == "3.00 kPa ± 0.03 (noise) ± 0.30 (calibration)"
    assert "median of 5 curves; 68 % of them lie from 1.6 to 4.4 kPa" in finding.meaning


def test_noise_and_heterogeneity_are_told_apart():
    results = map_results(20, 20)
    rng = np.random.default_rng(1)
    results["modulus_std_noise"].values[:] = 50.0
    results["modulus"].values[:] = 1000 + 50 * rng.standard_normal(400)
    assert "about what the noise of a single curve makes" in words.findings(gathered(results))[0].meaning
    results["modulus"].values[:] = 1000 + 250 * rng.standard_normal(400)
    assert "times the noise of one curve" in words.findings(gathered(results))[0].meaning


def test_failures_are_sentences_with_counts():
    outcomes = {0: Outcome.no_contact, 1: Outcome.no_contact, 2: Outcome.saturated, 3: Outcome.misfit}
    lines = {line.flag: line for line in words.flag_lines(gathered(flagged(map_results(6, 9), outcomes)))}
    assert lines[Outcome.no_contact].curves == 2
    assert lines[Outcome.no_contact].share == "3.7 %"
    assert lines[Outcome.no_contact].examples == [0, 1]
    assert lines[Outcome.saturated].meaning == Outcome.saturated.meaning
    assert [line.usable for line in lines.values()] == [Outcome(flag).usable for flag in lines]
    assert sum(line.curves for line in lines.values()) == 54


def test_an_unknown_flag_is_named_and_not_used():
    results = map_results(1, 2)
    results["flag"].values[0] = 99
    (line,) = [line for line in words.flag_lines(gathered(results)) if line.flag == 99]
    assert line.name == "flag 99"
    assert not line.usable


def test_coverage_is_counted_against_the_truth():
    results = map_results(10, 10)
    pull = np.repeat([0.5, 1.5, 2.5], [60, 30, 10])  # 60 % within 1, 90 % within 1.96 standard deviations
    results["modulus"].values[:] = results["true_modulus"].values + pull * results["modulus_std_noise"].values
    text = words.closeness(gathered(results))[0]
    assert (
        "The noise intervals hold the truth in 60.0 % (nominal 68 %) and 90.0 % (nominal 95 %) of 100" in text
    )
    relative = np.median(pull * results["modulus_std_noise"].values / results["true_modulus"].values)
    assert f"the median error is {100 * relative:.2g} %" in text
    assert words.closeness(gathered(results.drop_vars(["true_modulus", "true_contact_point"]))) == []


def test_faults_put_in_on_purpose_are_compared_with_the_flags():
    results = flagged(map_results(2, 5), {0: Outcome.no_contact, 1: Outcome.saturated})
    truth = np.zeros(10, dtype=np.int8)
    truth[[0, 9]] = Outcome.no_contact
    results["true_outcome"] = ("curve", truth)
    assert words.closeness(gathered(results))[-1] == (
        "Of 2 curves spoiled on purpose, 1 are flagged as unusable; of 8 sound ones, 1."
    )


def test_remarks_warn_of_mixed_files_misfit_and_missing_calibration():
    plain = map_results(3, 3)
    assert not any("files" in text or "No uncertainty" in text for text in remarks(gathered(plain)))
    assert any("2 files" in text for text in remarks(gathered(joined([plain, map_results(2, 2, file="b.nid")]))))
    plain["reduced_chi_square"].values[:] = 4.0
    assert any("misses part of the data" in text for text in remarks(gathered(plain)))
    plain["modulus_std_calibration"].values[:] = 0.0
    assert any("No uncertainty of spring constant" in text for text in remarks(gathered(plain)))


def test_records_list_files_calibration_and_history():
    results = joined([map_results(2, 2), off_grid(map_results(1, 3, file="b.nid"))])
    rows = tables.file_rows(gathered(results))
    assert [row[:3] for row in rows] == [["map.jpk-force-map", "4", "4"], ["b.nid", "3", "3"]]
    assert len(rows[0]) == len(tables.file_header(gathered(results)))
    calibration = dict(tables.calibration_rows(gathered(results)))
    assert calibration["spring constant"] == "45.0 mN/m ± 8.0 %"
    assert calibration["radius"] == "5.00 µm ± 10 %"
    assert [step.verb for step in records.history(map_results(2, 2))] == ["read", "fit"]
    assert records.citations(map_results(2, 2))[0].startswith("@article{Hertz1881")


@pytest.mark.parametrize(("part", "finding", "remark"), [
    (0.2, "(model)", "within ± 20 % (model)"),
    (0.5001, "within a factor of two: the model does not hold", "within a factor of two"),
    (0.9, "within a factor of three: the model does not hold", "within a factor of three")])
def test_what_a_wrong_model_may_do_is_said_in_digits_or_in_words(part, finding, remark):
    """Above half of the value there are no digits; where nothing could be tested, that is said."""
    results = map_results(4, 4)
    model = part * np.abs(results["modulus"])
    results = results.assign(
        modulus_std_model=model, modulus_std=np.hypot(results["modulus_std"], model),
        model_chance=("curve", np.full(16, 1e-5)), modulus_at_contact=0.7 * results["modulus"],
        departure=("curve", np.full(16, 2, np.int8), flag_attributes(Departure)))
    contents = gathered(results)
    assert finding in words.findings(contents)[0].line
    assert ("(model)" in words.findings(contents)[0].line) == (part < 0.5)
    said = " ".join(remarks(contents))
    for one in (remark, "like a thin layer on a stiff support", "taken to be exact"):
        assert one in said
    untested = gathered(results.assign(model_chance=("curve", np.full(16, np.nan))))
    assert "cannot be tested here" in " ".join(remarks(untested))


def missed_by_the_model(results, **variables):
    """The results with every curve a misfit, and other variables."""
    misfit = np.full(results.sizes["curve"], int(Outcome.misfit), np.int8)
    return results.assign(flag=("curve", misfit, results["flag"].attrs), **variables)


def test_a_model_that_describes_no_curve_makes_no_headline_of_its_digits():
    results = map_results(4, 4)
    missed = missed_by_the_model(results, modulus_half_depth=0.6 * results["modulus"])
    contents = gathered(missed)
    assert words.headline(contents).startswith("The contact model describes none of 16 fitted curves from 1 file")
    modulus, *_, pull = words.findings(contents)
    assert modulus.line.endswith("not defended")
    assert "±" not in modulus.line
    assert "from half of the depth" in modulus.line
    assert (pull.name, "±" in pull.line) == ("pull-off force", True)
    in_table = [cell.endswith("not defended") for cell in tables.file_rows(contents)[0]]
    assert sum(in_table) == len(words.findings(contents)) - 1  # all but what was read
    assert summary(contents)["defended"] is False
    half = summary(contents)["quantities"]["modulus"]["median_half_depth"]
    assert half == pytest.approx(0.6 * float(results["modulus"].median()))
    assert all(text.endswith("not defended") for text in words.curve_texts(contents.measured[0]))
    assert summary(gathered(results))["defended"] is True
    one = gathered(missed.isel(curve=[0]))
    assert words.headline(one).startswith("The contact model does not describe the only fitted curve")
    assert not any("±" in finding.line for finding in words.findings(one)[:-1])


def test_a_model_that_describes_no_curve_but_whose_error_is_known_gives_numbers():
    results = map_results(4, 4)
    contents = gathered(missed_by_the_model(results, modulus_std_model=0.2 * results["modulus"]))
    assert words.headline(contents).endswith("are usable, but the model describes none of them.")
    assert "(model)" in words.findings(contents)[0].line


def test_an_absolute_standard_uncertainty_keeps_its_unit():
    results = map_results(2, 2)
    results = results.assign_coords(radius_std=((), 2.5e-7, {"units": "m"}))
    assert dict(tables.calibration_rows(gathered(results)))["radius"] == "5.00 µm ± 250 nm"


@pytest.mark.parametrize("count", [3, 40])
def test_long_inputs_of_the_history_are_cut_and_counted(count):
    files = [{"file": f"{i}.jpk", "bytes": 1, "sha256": "ab" * 32} for i in range(count)]
    results = map_results(1, 2).assign_attrs(history=json.dumps([{"verb": "read", "inputs": files}]))
    ((_, text),) = records.history(results)[0].notes
    assert "0.jpk (SHA-256 abababababab…)" in text
    assert ("and 36 more" in text) == (count == 40)
