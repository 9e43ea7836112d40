"""The verbs together: folders, chunks, outputs, history and replay, around a plain fit."""

import csv
import json
import shutil
import sys

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import correct
from asperity.contact.named import ModelError
from asperity.data import curve_files, provenance, store
from asperity.data.curve_files import NothingToAnalyze
from asperity.learning.outcome import Outcome
from asperity.measurements import replay as replaying
from asperity.measurements.force_curves import analyze as analysis
from asperity.measurements.force_curves.recipe import from_recipe
from asperity.virtual.force_map import virtual_map
from tests import simple_fit

MODEL = {"name": "hertz", "radius": 5e-6}


@pytest.fixture(scope="module", autouse=True)
def in_its_place():
    """The fit of tests/simple_fit.py in the place of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
        simple_fit.plain_page(patch)
        yield


@pytest.fixture
def plain_fit():
    """The calls of the fit."""
    simple_fit.CALLS.clear()
    return simple_fit.CALLS


@pytest.fixture(scope="module")
def small_map():
    return virtual_map(rows=4, columns=5, samples=64)


@pytest.fixture(scope="module")
def laid_down(tmp_path_factory, small_map):
    """Two maps of different sessions, one damaged file, one that is not data."""
    place = tmp_path_factory.mktemp("laid down")
    store.save(small_map, place / "in/a.nc")
    other = small_map.isel(curve=slice(0, 7), sample=slice(0, 60)).copy(deep=True)  # the map is everybody's
    other = other.assign_coords(session=("curve", ["day 2"] * 7), file=("curve", ["second"] * 7))
    other["sample_count"].values[:] = np.minimum(other["sample_count"], 60)
    store.save(other, place / "in/deep/b.zarr")
    (place / "in/broken.jpk-force").write_bytes(b"PK\x03\x04 cut off")
    (place / "in/readme.txt").write_text("hello, no data here")
    return place / "in"


@pytest.fixture
def folder(tmp_path, laid_down):
    """The same, of one's own."""
    return shutil.copytree(laid_down, tmp_path / "in")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, laid_down):
    """The outputs of an analysis."""
    out = tmp_path_factory.mktemp("finished") / "out"
    asperity.analyze(laid_down, MODEL, out=out, batch=8)
    return out


@pytest.fixture(scope="module")
def of_one_file(laid_down):
    """The results of the first map, which nobody changes."""
    return asperity.analyze(laid_down / "a.nc", MODEL)


def test_analyze_a_folder(folder, tmp_path, caplog):
    caplog.set_level("INFO", "asperity")
    seen = []
    results = asperity.analyze(folder, MODEL, out=tmp_path / "out", batch=8,
                               progress=lambda done, total: seen.append((done, total)))
    assert results.sizes["curve"] == 27
    assert results["curve"].values.tolist() == list(range(27))
    assert seen == [(0, 27), (8, 27), (16, 27), (20, 27), (27, 27)]
    assert [entry["file"] for entry in json.loads(results.attrs["failed_files"])] == [
        str(folder / "broken.jpk-force")]
    assert [entry["file"] for entry in json.loads(results.attrs["skipped_files"])] == [
        str(folder / "readme.txt")]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "chunks", "report.html", "results.csv", "results.nc"]
    assert "flagged" in caplog.messages[-1] or "none flagged" in caplog.messages[-1]
    stored = store.load(tmp_path / "out/results.nc")
    xr.testing.assert_identical(stored, results)
    assert "true_modulus" in stored


def test_results_do_not_depend_on_the_batch(folder):
    small, large = (asperity.analyze(folder, MODEL, batch=batch) for batch in (3, 1000))
    xr.testing.assert_identical(small.drop_attrs(deep=False), large.drop_attrs(deep=False))


def test_fit_of_what_was_read_equals_analyze(folder, finished):
    whole = asperity.fit(asperity.read(folder), MODEL, batch=9)
    xr.testing.assert_allclose(whole["modulus"], store.load(finished / "results.nc")["modulus"], rtol=1e-12)
    verbs = [step["verb"] for step in provenance.history(whole)]
    assert verbs == ["read", "fit"]
    assert len(provenance.history(whole)[0]["inputs"]) == 2


def test_the_table_holds_every_number(folder, tmp_path):
    results = asperity.analyze(folder, MODEL, out=tmp_path / "out", radius_std=0.1)
    with open(tmp_path / "out/results.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 27
    assert list(rows[0])[:5] == ["file", "curve_in_file", "session", "row", "column"]
    for name in ("modulus", "modulus_std", "contact_point", "x", "radius"):
        column = next(title for title in rows[0] if title.split(" (")[0] == name)
        assert column == f"{name} ({results[name].attrs['units']})"
        expected = np.broadcast_to(results[name].values, 27)
        np.testing.assert_array_equal([float(row[column] or "nan") for row in rows], expected)
    assert [row["flag"] for row in rows] == [Outcome(int(f)).name for f in results["flag"].values]


def test_the_same_call_does_nothing_twice(laid_down, finished, tmp_path, plain_fit):
    out = shutil.copytree(finished, tmp_path / "out")
    first = store.load(out / "results.nc")
    second = asperity.analyze(laid_down, MODEL, out=out, batch=8)
    assert plain_fit == []
    xr.testing.assert_identical(first.drop_attrs(deep=False), second.drop_attrs(deep=False))


@pytest.mark.parametrize("change", [
    {"model": {"name": "hertz", "radius": 6e-6}}, {"segment": "retract"}, {"radius_std": 0.1}, {"batch": 9},
    {"spring_constant": 0.06}])
def test_another_analysis_is_not_mixed_in(laid_down, finished, tmp_path, change):
    out = shutil.copytree(finished, tmp_path / "out")
    arguments = {"model": MODEL, "batch": 8} | change
    with pytest.raises(store.StoreError, match=next(iter(change))):
        asperity.analyze(laid_down, out=out, **arguments)


def test_a_restart_puts_another_analysis_in_its_place(laid_down, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    again = asperity.analyze(laid_down, {"name": "hertz", "radius": 20e-6}, out=out, batch=9, restart=True)
    stored = store.load(finished / "results.nc")
    np.testing.assert_allclose(again["modulus"], stored["modulus"] / 2, rtol=1e-9)
    assert again.identical(store.load(out / "results.nc"))


def test_a_changed_file_is_another_analysis(folder, tmp_path, small_map):
    asperity.analyze(folder, MODEL, out=tmp_path / "out")
    store.save(small_map.isel(curve=slice(0, 3)), folder / "a.nc")
    with pytest.raises(store.StoreError, match="inputs"):
        asperity.analyze(folder, MODEL, out=tmp_path / "out")


def test_unreadable_curves_are_flagged_and_the_rest_is_fitted(monkeypatch, folder, of_one_file):
    load = curve_files.load_curves

    def partly(dataset, loading, broken):
        loaded, causes = load(dataset, loading, broken)
        bad = [i for i, j in enumerate(loaded["curve_in_file"].values) if j in (2, 11)]
        return curve_files.blank(loaded, bad), causes | dict.fromkeys(bad, "cut off")

    monkeypatch.setattr(curve_files, "load_curves", partly)
    results = asperity.analyze(folder / "a.nc", MODEL, batch=8)
    assert np.flatnonzero(results["flag"] == Outcome.unreadable).tolist() == [2, 11]
    rest = np.setdiff1d(np.arange(20), [2, 11])
    np.testing.assert_array_equal(results["modulus"][rest], of_one_file["modulus"][rest])


def test_a_curve_that_breaks_the_fit_is_flagged_and_named(monkeypatch, folder, caplog, of_one_file):
    plain = simple_fit.fit_curves

    def fragile(dataset, model, **options):
        if 5 in dataset["curve_in_file"].values and np.isfinite(dataset["force"]).any():
            raise FloatingPointError("this curve is strange")
        return plain(dataset, model, **options)

    monkeypatch.setattr(simple_fit, "fit_curves", fragile)
    results = asperity.analyze(folder / "a.nc", MODEL, batch=8)
    assert np.flatnonzero(results["flag"] == Outcome.unreadable).tolist() == [5]
    rest = np.delete(np.arange(20), 5)
    np.testing.assert_array_equal(results["modulus"][rest], of_one_file["modulus"][rest])
    assert "curve 5 of virtual could not be fitted: FloatingPointError: this curve is strange" in caplog.text


def test_noise_is_learnt_once_per_session(monkeypatch, folder):
    learnt = []

    def learn(dataset, model, *, segment):
        learnt.append((np.unique(dataset["session"].values).tolist(), segment))
        return 1e-12

    monkeypatch.setattr(simple_fit, "learn_noise", learn)
    asperity.analyze(folder, MODEL, batch=3, segment="retract")
    assert learnt == [(["virtual-0"], "retract"), (["day 2"], "retract")]


def test_small_files_of_one_session_share_a_block(tmp_path, small_map, plain_fit):
    for i in range(3):
        store.save(small_map.isel(curve=[i]), tmp_path / f"{i}.nc")
    together = asperity.analyze(tmp_path, MODEL, batch=2)
    assert plain_fit == [2, 1]
    store.save(small_map.isel(curve=slice(0, 3)), tmp_path / "all.nc")
    xr.testing.assert_allclose(together["modulus"], asperity.analyze(tmp_path / "all.nc", MODEL)["modulus"])


def test_large_results_become_zarr(monkeypatch, laid_down, finished, tmp_path):
    expected = store.load(finished / "results.nc")
    monkeypatch.setattr(analysis, "LARGE", 1)
    with asperity.analyze(laid_down, MODEL, out=tmp_path / "out", batch=8) as results:
        xr.testing.assert_identical(results.load().drop_attrs(deep=False), expected.drop_attrs(deep=False))
    assert (tmp_path / "out/results.zarr").is_dir()
    assert not (tmp_path / "out/results.nc").exists()
    assert (tmp_path / "out/results.csv").read_text().count("\n") == 28


def test_replay_and_changed_input(folder, tmp_path, small_map):
    results = asperity.analyze(folder, MODEL, out=tmp_path / "out", radius_std=0.05, batch=8)
    again = replaying.replay(store.load(tmp_path / "out/results.nc"))
    assert set(replaying.differences(results, again).values()) == {0.0}
    store.save(small_map * 1.5, folder / "a.nc")
    with pytest.raises(provenance.HistoryError, match=r"a\.nc has changed"):
        replaying.replay(results)


def test_differences_are_seen(of_one_file):
    results, other = of_one_file, of_one_file.copy(deep=True)
    other["modulus"].values[3] *= 1 + 1e-3
    other["contact_point"].values[1] = np.nan
    found = replaying.differences(results, other.drop_vars("flag"))
    assert found["modulus"] == pytest.approx(1e-3, rel=2e-3)
    assert found["contact_point"] == found["flag"] == np.inf
    assert found["modulus_std"] == 0.0


def test_nothing_to_analyze_says_why(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(NothingToAnalyze, match=r"notes\.txt: .*not recognized"):
        asperity.analyze(tmp_path, MODEL)
    with pytest.raises(NothingToAnalyze, match="no-such-place"):
        asperity.analyze(tmp_path / "no-such-place", MODEL)


def test_a_file_that_knows_its_tip_is_believed(folder, small_map):
    store.save(small_map.isel(curve=slice(0, 4)).assign_attrs(radius=20e-6), folder / "c.nc")
    mixed = asperity.analyze(folder, "hertz", batch=1000)
    assert mixed["radius"].values.tolist() == [1e-6] * 20 + [20e-6] * 4 + [1e-6] * 7
    assert json.loads(mixed.attrs["assumed"]) == {"radius": 1e-6}
    expected = mixed["modulus"].values[:4] / np.sqrt(20)
    np.testing.assert_allclose(mixed["modulus"][20:24], expected, rtol=1e-9)
    given = asperity.analyze(folder / "c.nc", MODEL)
    assert np.unique(given["radius"]).tolist() == [5e-6]
    xr.testing.assert_identical(replaying.replay(mixed).drop_attrs(deep=False), mixed.drop_attrs(deep=False))


def test_an_unknown_tip_is_assumed_aloud(folder, caplog, of_one_file):
    results = asperity.analyze(folder / "a.nc", "hertz")
    assert json.loads(results.attrs["assumed"]) == {"radius": 1e-6}
    assert any("ASSUMED radius = 1 um" in message for message in caplog.messages)
    assert json.loads(of_one_file.attrs["assumed"]) == {}


def test_a_file_without_the_segment_fails_alone(folder, small_map):
    store.save(small_map.isel(segment=[0]), folder / "only-approach.nc")
    results = asperity.analyze(folder, MODEL, segment="retract")
    assert results.sizes["curve"] == 27
    problems = [entry["problem"] for entry in json.loads(results.attrs["failed_files"])
                if "only-approach" in entry["file"]]
    assert problems == ["it has no segment 'retract'. It has approach; give one as --segment."]


@pytest.mark.parametrize(("model", "message"), [
    ("herz", "no contact model 'herz'; did you mean 'hertz'. known: .*hertz"),
    ({"name": "hertz", "half_angle": 0.3}, "no half_angle")])
def test_wrong_models_are_named(folder, model, message):
    with pytest.raises(ModelError, match=message):
        asperity.analyze(folder, model)


def test_recipe_repeats_the_analysis(folder, tmp_path):
    first = asperity.analyze(folder, MODEL, spring_constant=0.07, radius_std=0.05)
    recipe = tmp_path / "r.toml"
    recipe.write_text(provenance.write_recipe(provenance.history(first)), encoding="utf-8")
    arguments = from_recipe(recipe)
    assert arguments["model"] == {"name": "hertz", "radius": 5e-6, "poisson_ratio": 0.5}
    second = asperity.analyze(folder, **arguments)
    xr.testing.assert_identical(first.drop_attrs(deep=False), second.drop_attrs(deep=False))


@pytest.mark.parametrize("text", ["[[step]]\nverb = 'analyze'\nradios = 1.0", "[[step]]\nverb = 'system'"])
def test_recipe_with_unknown_words_is_refused(tmp_path, text):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(provenance.HistoryError, match=r"r\.toml: the step '(analyze|system)'"):
        from_recipe(tmp_path / "r.toml")


def test_convert_keeps_everything(folder, tmp_path, small_map):
    for ending in store.ENDINGS:
        back = store.load(asperity.convert(folder / "a.nc", tmp_path / f"copy{ending}"))
        xr.testing.assert_identical(back.drop_attrs(deep=False), small_map.drop_attrs(deep=False))
        assert provenance.history(back)[0]["verb"] == "read"


def test_another_calibration_is_recorded(small_map):
    stiffer = correct.curves(small_map, spring_constant=0.1)
    np.testing.assert_allclose(stiffer["force"], small_map["force"] * 2, rtol=1e-12)
    assert provenance.history(stiffer)[-1]["arguments"] == {"spring_constant": 0.1}
