"""Replay of true histories, and of forged ones, which can do nothing.

The verbs that take a while are replayed by `tests.verify.measurements.test_replay`.
"""

import inspect
import json
import os
import typing
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import correct
from asperity.data import arguments, provenance, store
from asperity.measurements.force_curves.recipe import from_recipe
from asperity.measurements.replay import VERBS, differences, replay
from asperity.virtual.force_map import virtual_map
from tests import simple_fit

MODEL = {"name": "hertz", "radius": 5e-6}


@pytest.fixture
def plain_fit(monkeypatch):
    """The fit of tests/simple_fit.py in the place of the real one."""
    monkeypatch.setitem(__import__("sys").modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
    simple_fit.plain_page(monkeypatch)


def same(made: xr.Dataset, least: int = 1) -> xr.Dataset:
    """The result replayed from its history, as a store keeps it, with all numbers equal."""
    now = replay(made)
    found = differences(made, now)
    assert len(found) >= least
    assert set(found.values()) == {0.0}
    return now


# ---------------------------------------------------------------- true histories

@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """A folder with two maps, one in a folder inside, and two files that are no data."""
    place = tmp_path_factory.mktemp("maps")
    curves = virtual_map(rows=3, columns=4, samples=64)
    store.save(curves, place / "a.nc")
    store.save(curves.isel(curve=slice(0, 5)).assign_coords(session=("curve", ["other"] * 5)), place / "b/b.zarr")
    (place / "broken.nid").write_bytes(b"[DataSet]\r\nGroupCount=2\r\nno such thing")
    (place / "notes.txt").write_text("nothing")
    return place


CONSTANT = {"kind": "spring_constant", "file": "k.nc", "spring_constant": 0.06, "spring_constant_std": 0.006}


def calibrated(place, **numbers: float) -> Path:
    made = xr.Dataset({name: ((), value) for name, value in numbers.items()}, attrs={"calibration": "tip"})
    return store.save(made.assign(tip_height=(("v", "u"), [[0.0, np.nan], [1e-9, 2e-9]])), place)


@pytest.mark.parametrize("how", [
    {"calibration": [CONSTANT]},
    {"radius_std": 0.1, "segment": "retract", "batch": 9, "spring_constant": 0.07, "sensitivity": 40e-9}],
    ids=lambda how: "-".join(how))
def test_an_analysis_is_replayed(maps, how, plain_fit):
    made = asperity.analyze(maps, MODEL, **how)
    assert made.sizes["curve"] == 17
    same(made, 10)


@pytest.mark.parametrize("paths", [
    "b/b.zarr", ["b/b.zarr", "a.nc"], ["a.nc", "broken.nid"], ["a.nc", "b", "a.nc"], "."], ids=str)
def test_what_was_named_is_read_again(maps, paths, plain_fit):
    """By `read` where a folder is named, by `analyze` else."""
    named = str(maps / paths) if isinstance(paths, str) else [str(maps / path) for path in paths]
    made = (asperity.read if paths == "." else asperity.analyze)(named)
    xr.testing.assert_identical(same(made).drop_attrs(), made.drop_attrs())


def test_fits_after_reading_and_correcting(maps, tmp_path, plain_fit):
    curves = asperity.read([maps / "a.nc", maps / "b/b.zarr"], spring_constant=0.04)
    moved = correct.curves(curves, calibration=[CONSTANT])
    by_file = correct.curves(curves, calibration=calibrated(tmp_path / "tip.nc", radius=3e-6, radius_std=1e-7))
    stored = store.load(store.save(moved, tmp_path / "moved.nc"))
    for data in (moved, by_file, stored):
        same(asperity.fit(data, MODEL, radius_std=0.1, batch=9), 10)
    made = asperity.analyze(tmp_path / "moved.nc", MODEL, calibration=calibrated(tmp_path / "t.nc", half_angle=0.3))
    same(store.load(store.save(made, tmp_path / "results.nc")), 10)
    same(asperity.score(made), 4)


# ---------------------------------------------------------------- forged histories

def forged(*steps) -> xr.Dataset:
    """A result whose history says so: steps as (verb, arguments), or (verb, arguments, files)."""
    written = [{"verb": verb, "arguments": given, "inputs": [provenance.file_record(file) for file in files[0]] if files
                else []} for verb, given, *files in steps]
    return xr.Dataset({"a": ("x", [1.0])}, attrs={"history": json.dumps(written)})


def listing(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def refused(evil: xr.Dataset, match: str) -> None:
    with pytest.raises(provenance.HistoryError, match=match) as caught:
        replay(evil)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("verb", [*VERBS, "convert", "report", "store.save", "__import__", "os.system"])
@pytest.mark.parametrize("argument", sorted(arguments.NEVER))
def test_a_history_never_says_where_to_write(maps, tmp_path, verb, argument, plain_fit):
    """Nothing appears, changes or goes; the step would run but for that argument."""
    victim = tmp_path / "chunks"
    victim.mkdir()
    (victim / "job.json").write_text("{}")
    (victim / "chunk-000000.npz").write_bytes(b"precious")
    before = listing(tmp_path)
    value = {"out": str(tmp_path), "folder": str(tmp_path), "restart": True, "progress": 1, "workers": 2,
             "scheduler": "tcp://127.0.0.1:8786"}[argument]
    first = [("read", {"paths": str(maps / "a.nc")}, [maps / "a.nc"])]
    named = {name: str(maps / "a.nc") for name in (arguments.files(VERBS[verb]) if verb in VERBS else ["paths"])}
    own = [(verb, {**named, argument: value}, [maps / "a.nc"])]
    for steps in (own, [*first, (verb, {argument: value})], [(verb, {argument: value})]):
        refused(forged(*steps), f"cannot say '{argument}'|cannot replay the step {verb}")
        assert listing(tmp_path) == before


def test_all_that_would_have_been_overwritten_is_there(maps, tmp_path, plain_fit):
    made = asperity.analyze(maps, MODEL, out=tmp_path / "out")
    steps = provenance.history(made)
    steps[0]["arguments"] |= {"out": str(tmp_path / "out"), "restart": True, "batch": 3}
    before = listing(tmp_path)
    refused(made.assign_attrs(history=json.dumps(steps)), "cannot say 'out'")
    assert listing(tmp_path) == before
    assert "out" not in provenance.history(made)[0]["arguments"]


@pytest.mark.parametrize(("verb", "given", "match"), [
    ("fit", {"model": 3}, "its model, 3"),
    ("fit", {"model": {"name": "__import__('os')"}}, "there is no contact model"),
    ("fit", {"model": {"name": "hertz", "x": 1}}, "has no x"), ("fit", {"batch": 10**9}, "its batch"),
    ("fit", {"batch": -1}, "its batch"), ("fit", {"batch": 2.5}, "its batch"),
    ("fit", {"radius_std": None}, "its radius_std"), ("fit", {"dataset": "x.nc"}, "its dataset"),
    ("fit", {"model": {"a": [0] * 1_000_001}}, "its model"),
    ("fit", {"segment": "s" * 5000}, "its segment"), ("fit", {"segment": ["approach"]}, "its segment"),
    ("fit", {"segment": "sideways"}, "cannot be run again"),
    ("correct.curves", {"calibration": "/etc/passwd"}, "its calibration"),
    ("correct.curves", {"calibration": ["/dev/zero.nc"]}, "its calibration"),
    ("correct.curves", {"calibration": [{"kind": "spring_constant", "spring_constant": "x"}]}, "cannot be run again"),
    ("correct.curves", {"spring_constant": [0.1]}, "its spring_constant"), ("score", {"x": 1}, "cannot say 'x'"),
    ("select", {"instrument": {"thickness": "thin"}}, "its instrument"), ("select", {"quick": 1}, "its quick"),
    ("select", {"tolerance": {"modulus": [1]}}, "its tolerance"), ("holds", {"draws": 10**8}, "its draws"),
    ("modulus_spectrum", {"frequency": "all"}, "its frequency"), ("median_spectrum", {}, "cannot be run again"),
    ("correct.image", {"tip": "/dev/zero.nc"}, "its tip"), ("correct.image", {"level": 10**6}, "its level"),
    ("calibrate.spring_constant", {"sensitivity": "/dev/zero.nc"}, "its sensitivity"),
    ("calibrate.sensitivity", {"window": [1, 2, 3]}, "its window"), ("calibrate.tip", {"size": 100_001}, "its size"),
])
def test_arguments_of_the_wrong_kind_are_refused(maps, verb, given, match, plain_fit):
    first = ("read", {"paths": str(maps / "a.nc")}, [maps / "a.nc"])
    refused(forged(first, (verb, given)), match)


def test_files_that_a_verb_names_must_be_recorded(maps, tmp_path):
    """Every verb that can read a file refuses one that its inputs do not hold."""
    reading = {verb: arguments.files(call) for verb, call in VERBS.items() if arguments.files(call)}
    assert {"read", "analyze", "read_image", "spectrum", "relax", "calibrate.tip"} <= set(reading)
    for verb, names in reading.items():
        assert len(names) == 1
        for value in (str(maps / "a.nc"), "/dev/zero", "/etc"):
            refused(forged((verb, {names[0]: value})), "is not among its recorded inputs")
            refused(forged((verb, {names[0]: value}, [maps / "notes.txt"])), "is not named")


# ---------------------------------------------------------------- no verb can forget it

def test_the_signature_of_every_verb_bounds_its_history():
    """Each argument has a type that a history can be held to; whole numbers have a largest value."""
    simple = (str, Path, float, int, bool, list, dict, type(None))
    for verb, call in VERBS.items():
        hints = typing.get_type_hints(call)
        for name in set(hints) - {"return", *arguments.NEVER}:
            examples = ["text", 1.5, 2, True, [1.0], {"name": 1.0}, {"name": "x"}, [{"name": 1.0}], [[1.0]]]
            fitting = [value for value in examples if arguments.problem(call, {name: value}) is None]
            assert len(fitting) < len(examples) or name == "contact_point", f"{verb}: {name} takes anything"
            assert all(isinstance(value, simple) for value in fitting)
            if "int" in str(hints[name]):
                assert name in arguments.MOST, f"{verb}: say in arguments.MOST how large {name} may be"
        for name in arguments.NEVER:
            assert arguments.problem(call, {name: "x"}) is not None


def test_a_new_place_to_write_is_covered_by_itself(maps):
    """No path but the first argument's is sayable, whatever it is called."""
    def made(data: xr.Dataset, *, place: str | os.PathLike[str] | None = None,
             places: list[str | os.PathLike[str]] | None = None) -> xr.Dataset:
        return data

    assert arguments.files(made) == []
    for name, value in (("place", str(maps)), ("places", [str(maps)])):
        assert arguments.problem(made, {name: value}) == f"a history cannot say '{name}'"
    for verb, call in VERBS.items():
        assert set(arguments.files(call)) <= {next(iter(inspect.signature(call).parameters))}, verb


# ---------------------------------------------------------------- recipes

@pytest.mark.parametrize(("text", "match"), [
    ("out = 'here'", "cannot say 'out'"), ("restart = true", "cannot say 'restart'"),
    ("paths = '/etc'", "a recipe names no paths"), ("calibration = 'k.nc'", "its calibration, 'k.nc'"),
    ("calibration = ['/dev/zero.nc']", "its calibration, a list"), ("batch = 'many'", "its batch, 'many'"),
    ("radius_std = nan", "its radius_std, nan"), ("segment = 1979-05-27", "its segment"),
    ("model = {name = 'hertz', radius = [1]}", None), ("model = {a = {b = 1979-05-27}}", "its model"),
    ("'a\\u001bb' = 1", "cannot say"),
])
def test_a_recipe_says_no_more_than_a_history(tmp_path, text, match):
    path = tmp_path / "r.toml"
    path.write_text(f"[[step]]\nverb = 'analyze'\n{text}\n")
    if match is None:
        assert from_recipe(path) == {"model": {"name": "hertz", "radius": [1]}}
        return
    with pytest.raises(provenance.HistoryError, match=match) as caught:
        from_recipe(path)
    assert str(caught.value).isprintable()


def test_the_recipe_of_a_calibrated_analysis_gives_the_same(maps, tmp_path, plain_fit):
    tip = {"kind": "tip", "file": 'o"dd\n.nc', "radius": 4e-6, "radius_std": 1e-7,
           "tip": {"height": [[0.0, float("nan")]], "pitch": 1e-9}}
    made = asperity.analyze(maps, "hertz", calibration=[CONSTANT, tip], sensitivity=40e-9, radius_std=0.2)
    path = tmp_path / "r.toml"
    path.write_text(provenance.write_recipe(provenance.history(made)), encoding="utf-8")
    found = from_recipe(path)
    assert found["calibration"][0] == CONSTANT
    again = asperity.analyze(maps, **found)
    assert set(differences(made, again).values()) == {0.0}
