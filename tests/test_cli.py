"""The command line: cheap to start, says what it expects, and its exit codes mean something."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import asperity
from asperity.contact import Hertz
from asperity.contact.named import ModelError, contact_model
from asperity.data import store
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import score as scorecard
from asperity.measurements.force_curves.page import html
from asperity.terminal import running
from asperity.virtual.force_map import virtual_map
from asperity.virtual.specimen import Specimen
from tests import simple_fit


@pytest.fixture(autouse=True)
def plain_fit(monkeypatch, request):
    """The fit of tests/simple_fit.py, and a page without figures but where the test is about it."""
    monkeypatch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
    if not any(word in request.node.name for word in ("report", "demo", "everything")):
        simple_fit.plain_page(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "map.nc"
    store.save(virtual_map(rows=3, columns=4, samples=64, specimen=Specimen.uniform()), path)
    return str(path)


@pytest.fixture(scope="module")
def analyzed(map_file, tmp_path_factory):
    """The outputs of an analysis, which nobody changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
        simple_fit.plain_page(patch)
        out = tmp_path_factory.mktemp("analyzed") / "o"
        assert run("analyze", map_file, "--radius", "5um", "--out", out)[0] == 0
    return out


def run(*arguments):
    """Run one command in this process; returns (exit code, stdout, stderr)."""
    from asperity.cli import app

    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "import asperity; dir(asperity)",
        "import sys; sys.argv = ['asperity', '--help']; from asperity.cli import main; main()",
        "import sys; sys.argv = ['asperity', 'analyze', '--help']; from asperity.cli import main; main()",
    ],
)
def test_starting_is_cheap_and_loads_no_jax(statement):
    script = (
        f"import sys, atexit\natexit.register(lambda: print(sorted({{'jax', 'xarray', 'numpy', 'scipy', 'h5py'}} & set("
        f"sys.modules)), file=sys.stderr))\n{statement}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().endswith("[]")


def test_what_an_analysis_imports_is_what_it_needs():
    """Each of these takes a tenth of a second to a whole one, and no curve needs it; the page comes on its own."""
    script = (
        "import sys; from asperity.measurements.force_curves import analyze, fit_curves, score, summary, table; "
        "from asperity.measurements.force_curves.page import html; "
        "print(sorted({'scipy.signal', 'scipy.stats', 'scipy.interpolate', 'scipy.optimize', 'scipy.spatial', 'bokeh', "
        "'jinja2', 'afmformats', 'matplotlib', 'dask', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize("statement", [
    "from asperity.measurements.force_curves import analyze, fit_curves, score, select",
    "import asperity.measurements.replay",
    "import asperity.cli", "import asperity; asperity.report, asperity.analyze, asperity.crystal_mechanics"])
def test_atoms_and_their_extra_are_loaded_by_the_commands_of_atoms_alone(statement):
    script = (f"import sys; {statement}; print(sorted({{'ase', 'vesin', 'optax', 'e3nn_jax', 'matscipy', "
              "'asperity.atomistic.networks', 'asperity.learning.potentials'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize("command", ["score", "report"])
def test_stored_results_are_not_loaded_as_a_whole(analyzed, tmp_path, monkeypatch, command):
    path = store.save(store.load(analyzed / "results.nc"), tmp_path / "results.zarr")
    monkeypatch.setattr(store, "load", None)
    code, out, err = run(command, path, *(["--out", tmp_path / "page.html"] if command == "report" else []))
    assert code in (0, 1), err
    assert out


def test_public_names_agree():
    """The lazy table, __all__ and the stub for type checkers name the same things."""

    stub = Path(asperity.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    stubbed = set(re.findall(r"import \w+ as (\w+)|^def ([a-z]\w+)", stub, re.M)) | {("__version__", "")}
    assert set(asperity.__all__) == {"".join(names) for names in stubbed}
    assert set(asperity._VERBS) < set(asperity.__all__) == set(dir(asperity))
    assert all(hasattr(asperity, name) for name in asperity.__all__)


def test_chapters_modules_and_verbs_are_found_when_they_are_wanted():
    """Without jax until something needs it, and the page of a report without Bokeh until it is drawn."""
    script = (
        "import sys, asperity; assert 'coverage' in dir(asperity.evaluation); asperity.evaluation.coverage.sharpness; "
        "asperity.measurements.force_curves; assert not {'jax', 'xarray'} & set(sys.modules); "
        "f = asperity.doctor; g = asperity.doctor; assert callable(f) and f is g; "
        "import asperity.measurements.force_curves.page.html; assert not {'bokeh', 'jinja2'} & set(sys.modules); "
        "assert callable(asperity.report) and asperity.report.numbers.plain; asperity.rheology.springpot.Springpot; "
        "import asperity.correct, asperity.calibrate; assert asperity.calibrate.scanner and asperity.correct.drift; "
        "assert callable(asperity.analyze)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match=r"module 'asperity\.evaluation' has no attribute 'coverge'"):
        asperity.evaluation.coverge  # noqa: B018


def test_analyze_writes_everything_and_says_it(map_file, tmp_path):
    code, out, _ = run(
        "analyze", map_file, "--radius", "5um", "--spring-constant-std", "10%", "--out", tmp_path / "o"
    )
    assert code == 0
    assert "All 12 curves from 1 file are usable" in out
    assert "12 of 12 curves fitted, none flagged" in out
    for name in ("report.html", "results.csv", "results.nc"):
        assert f"-> {tmp_path / 'o' / name}" in out
        assert (tmp_path / "o" / name).stat().st_size > 500
    results = store.load(tmp_path / "o/results.nc")
    np.testing.assert_allclose(results["modulus_std_calibration"], 0.1 * results["modulus"], rtol=1e-12)


def test_json_is_for_machines(map_file, tmp_path):
    code, out, err = run("analyze", map_file, "--radius", "5um", "--out", tmp_path / "o", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["curves"], found["usable"], found["flags"]) == (12, 12, {"converged": 12})
    modulus = store.load(tmp_path / "o/results.nc")["modulus"]
    assert found["quantities"]["modulus"] == pytest.approx(
        {"unit": "Pa", "median": float(modulus.median())}
        | {k: v for k, v in found["quantities"]["modulus"].items() if k.startswith("median_std")}
    )
    assert len(found["outputs"]) == 3
    assert "12/12" in err


def test_the_verdict_is_said_before_the_report_is_written_and_both_show_one_scorecard(map_file, tmp_path, monkeypatch):
    order, judge, write = [], scorecard._judged, html.write_report
    monkeypatch.setattr(running, "_say", lambda text, style: order.append(text))
    monkeypatch.setattr(html, "write_report", lambda *a, **k: order.append("page") or write(*a, **k))
    monkeypatch.setattr(scorecard, "_judged", lambda contents: order.append("judged") or judge(contents))
    code, out, _ = run("analyze", map_file, "--radius", "5um", "--out", tmp_path / "o")
    assert code == 0
    assert order == ["12 of 12 curves fitted, none flagged", "page", "judged"]
    assert "scorecard: " in out


def test_failed_files_give_exit_code_1(map_file, tmp_path):
    bad = tmp_path / "bad.jpk-force"
    bad.write_bytes(b"PK\x03\x04 cut off")
    code, out, err = run("analyze", map_file, bad, "--radius", "5um", "--out", tmp_path / "o")
    assert code == 1
    assert re.search(r"failed: .*bad\.jpk-force: .+", out)
    assert "bad.jpk-force" in err


def test_flagged_curves_give_exit_code_1(map_file, tmp_path, monkeypatch):
    monkeypatch.setattr(simple_fit, "one_curve", lambda *_: (np.nan, np.nan, np.nan, np.nan, Outcome.no_contact))
    code, out, _ = run("analyze", map_file, "--radius", "5um", "--out", tmp_path / "o")
    assert code == 1
    assert "12 of 12 curves flagged: 12 no_contact\nno_contact: The force never rises above the noise" in out


def test_nothing_to_analyze_gives_exit_code_2(tmp_path):
    (tmp_path / "notes.txt").write_text("no data")
    code, out, err = run("analyze", tmp_path, "--out", tmp_path / "o")
    assert (code, out) == (2, "")
    assert "notes.txt" in err
    assert not (tmp_path / "o").exists()


def test_missing_calibration_is_asked_for_and_can_be_given(tmp_path):
    lost = virtual_map(rows=1, columns=2, samples=64).drop_vars("force")
    lost = lost.assign_coords(spring_constant=lost["spring_constant"] * np.nan)
    path = store.save(lost, tmp_path / "lost.nc")
    code, _, err = run("analyze", path, "--radius", "5um", "--out", tmp_path / "o")
    assert code == 2
    assert "no spring constant in the file; give --spring-constant" in err
    code, _, _ = run(
        "analyze", path, "--radius", "5um", "--spring-constant", "50mN/m", "--out", tmp_path / "o"
    )
    assert code == 0
    assert store.load(tmp_path / "o/results.nc")["spring_constant"].values.tolist() == [0.05, 0.05]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--radius", "5 apples"], "5um or 10nm"),
        (["--spring-constant", "5um"], "0.03N/m or 30mN/m"),
        (["--half-angle", "much"], "20deg"),
        (["--model", "herz"], "known: .*hertz"),
        (["--batch", "0"], "batch"),
        (["--model", "hertz", "--half-angle", "20deg"], "no half_angle"),
        (["--recipe", "none.toml"], "none.toml"),
    ],
)
def test_wrong_options_say_what_is_expected(map_file, tmp_path, options, message):
    code, _, err = run("analyze", map_file, *options, "--out", tmp_path / "o")
    assert code == 2
    assert re.search(message, err.replace("\n", " "))


def test_another_analysis_in_the_same_folder_is_refused(map_file, analyzed, tmp_path, monkeypatch):
    shutil.copytree(analyzed, tmp_path / "o")
    (tmp_path / "o-2").mkdir()
    typed = ["analyze", map_file, "--out", str(tmp_path / "o"), "--radius", "6um"]
    monkeypatch.setattr(sys, "argv", ["asperity", *typed])
    code, _, err = run(*typed)
    assert code == 2
    assert "--restart" in err
    words = shlex.split(err.split("For example: asperity ")[1])
    assert words == ["analyze", map_file, "--radius", "6um", "--out", str(tmp_path / "o-3")]
    assert run(*words)[0] == 0
    assert run("analyze", map_file, "--radius", "6um", "--out", tmp_path / "o", "--restart")[0] == 0


def test_the_folder_of_results_stands_for_them(analyzed, tmp_path):
    for command in ("score", "recipe", "cite", "replay"):
        assert run(command, analyzed) == run(command, analyzed / "results.nc")
    assert run("report", analyzed, "--out", tmp_path / "new/folder/page.html")[0] == 0
    assert (tmp_path / "new/folder/page.html").stat().st_size > 0
    (tmp_path / "empty").mkdir()
    code, _, err = run("score", tmp_path / "empty")
    assert code == 2
    assert "a folder without results.nc or results.zarr" in err


def test_files_of_other_kinds_are_counted(map_file, tmp_path):
    """A folder of 20,000 pictures was a screen of 20,000 lines."""
    for i in range(30):
        (tmp_path / f"note {i}.txt").write_text("no data")
        (tmp_path / f"broken {i}.jpk-force").write_bytes(b"PK\x03\x04 cut off")
    (tmp_path / "README").write_text("no data")
    code, out, _ = run("analyze", map_file, tmp_path, "--radius", "5um", "--out", tmp_path / "o")
    assert code == 1
    assert "skipped: 31 files that hold no force curves (30 .txt, 1 no ending)" in out
    assert sum(line.startswith("failed: ") for line in out.splitlines()) == 21
    assert "failed: 10 more; the report names them" in out
    code, out, _ = run("read", tmp_path)
    assert code == 2
    assert "skipped: 31 files that hold no force curves (30 .txt, 1 no ending)" in out


def test_reading_nothing_is_no_success(tmp_path):
    assert run("read", tmp_path)[:2] == (2, f"no file to read: nothing in {tmp_path}, or only results of asperity\n")
    (tmp_path / "note.txt").write_text("no data")
    assert run("read", tmp_path)[0] == 2
    assert run("read", tmp_path, "--json")[0] == 2


def test_version():
    assert run("--version") == (0, f"asperity {asperity.__version__}\n", "")
    done = subprocess.run([sys.executable, "-m", "asperity", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"asperity {asperity.__version__}\n"


@pytest.mark.parametrize(("typed", "meant"), [("Hertz", "Hertz"), ("JKR", "JKR"), ("Maugis-Dugdale", "MaugisDugdale")])
def test_a_model_is_known_however_it_is_written(typed, meant):
    assert type(contact_model(typed)).__name__ == meant


@pytest.mark.parametrize(("wrong", "close"), [("herz", "hertz"), ("Hertzian", "hertz"), ("jkr-spere", "jkr_sphere")])
def test_a_slip_in_a_model_is_mended_by_the_message(wrong, close, map_file, tmp_path):
    code, _, err = run("analyze", map_file, "--model", wrong, "--out", tmp_path / "o")
    assert code == 2
    assert f"there is no contact model '{wrong}'; did you mean '{close}'? known: cone" in err


def test_a_length_in_another_unit_is_no_tip(map_file):
    """In Python numbers are in SI: a bare 5 is 5 m."""
    words = r"radius = 5(\.0)?: must be at most 0\.1 m; numbers are in SI: 5 um is 5e-6"
    for model in ({"name": "hertz", "radius": 5}, Hertz(radius=5)):
        with pytest.raises(ModelError, match=words):
            asperity.analyze(map_file, model)
    assert float(contact_model("hertz", {"radius": 5.0}).radius) == pytest.approx(1e-6)  # as if it stated none


def test_an_assumed_tip_is_said_aloud(map_file, tmp_path):
    code, out, _ = run("analyze", map_file, "--out", tmp_path / "o")
    assert code == 0
    assert "ASSUMED, because nobody said it: radius = 1 um." in out


def test_read_convert_fit_report_by_themselves(map_file, tmp_path):
    code, out, _ = run("read", map_file)
    assert code == 0
    assert "12 curves; approach (up to" in out
    assert "spring constant 50 mN/m, sensitivity 50 nm/V" in out
    assert run("convert", map_file, "--out", tmp_path / "copy.zarr")[0] == 0
    code, out, _ = run("fit", tmp_path / "copy.zarr", "--radius", "5um", "--out", tmp_path / "r.nc")
    assert code == 0
    assert run("report", tmp_path / "r.nc", "--out", tmp_path / "r.html", "--title", "Tuesday")[0] == 0
    assert "Tuesday" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert run("report", map_file + "x", "--out", tmp_path / "r.html")[0] == 2
    assert run("convert", map_file, "--out", tmp_path / "copy.txt")[0] == 2


def test_recipe_and_replay(map_file, tmp_path):
    first = tmp_path / "first"
    run("analyze", map_file, "--radius", "5um", "--radius-std", "0.05", "--out", first)
    code, recipe, _ = run("recipe", first / "results.nc")
    assert code == 0
    (tmp_path / "r.toml").write_text(recipe)
    second = tmp_path / "second"
    assert run("analyze", map_file, "--recipe", tmp_path / "r.toml", "--out", second)[0] == 0
    a, b = (store.load(place / "results.nc") for place in (first, second))
    np.testing.assert_array_equal(a["modulus_std"], b["modulus_std"])
    third = tmp_path / "third"
    assert (
        run("analyze", map_file, "--recipe", tmp_path / "r.toml", "--radius", "20um", "--out", third)[0] == 0
    )
    np.testing.assert_allclose(store.load(third / "results.nc")["modulus"], a["modulus"] / 2, rtol=1e-9)
    code, out, _ = run("replay", first / "results.nc")
    assert (code, out) == (0, "largest relative difference of any number: 0\n")


def test_lists(monkeypatch):
    assert "hertz" in run("models")[1]
    assert "needs radius, poisson_ratio" in run("models")[1]
    formats = run("formats")[1]
    assert ".jpk-force-map" in formats
    assert ".nid" in formats
    from asperity import diagnosis

    monkeypatch.setattr(diagnosis, "_CHECKS", (("numbers", lambda: (False, "0.2 % wrong")),))
    code, out, _ = run("doctor")
    assert code == 2
    assert "FAILED  numbers: 0.2 % wrong" in out
    monkeypatch.setattr(diagnosis, "_CHECKS", (("numbers", lambda: (True, "right")),))
    assert json.loads(run("doctor", "--json")[1])["healthy"] is True


def test_demo_says_how_close_it_is(tmp_path):
    code, out, _ = run("demo", "--size", "4", "--out", tmp_path / "demo")
    assert code == 0
    assert "The noise intervals hold the truth in" in out
    assert f"-> {tmp_path}/demo/report.html" in out
