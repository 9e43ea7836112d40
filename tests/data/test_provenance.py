"""A result knows how it was made, can be made again, and notices that its inputs have changed."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from asperity.data import provenance


def load(path, scale=1.0):
    """A verb for the tests: numbers of a text file, scaled."""
    data = xr.Dataset({"a": ("curve", scale * np.loadtxt(path))})
    return provenance.record(data, provenance.step(
        "load", {"path": path, "scale": scale}, inputs=[provenance.file_record(path)]))


def add(data, *, amount):
    result = data + amount
    return provenance.record(result, provenance.step("add", {"amount": amount}, seed=3), before=data)


VERBS = {"load": load, "add": add}


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "numbers.txt"
    np.savetxt(path, [1.0, 2.5, -3.0])
    return add(load(path, scale=2.0), amount=np.float64(0.25))


def test_each_verb_appends_one_step(result):
    first, second = provenance.history(result)
    assert (first["verb"], second["verb"]) == ("load", "add")
    assert second["arguments"] == {"amount": 0.25}
    assert second["seed"] == 3
    assert first["versions"]["numpy"] == np.__version__
    path = Path(first["arguments"]["path"])
    assert first["inputs"] == [{"file": str(path), "bytes": path.stat().st_size,
                                "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}]


def test_replay_gives_the_same_numbers(result):
    again = provenance.replay(result, VERBS)
    xr.testing.assert_identical(again.drop_attrs(), result.drop_attrs())
    strip = [{k: v for k, v in s.items() if k != "time"} for s in provenance.history(again)]
    assert strip == [{k: v for k, v in s.items() if k != "time"} for s in provenance.history(result)]


def test_replay_follows_the_recorded_arguments_not_the_data(result):
    changed = result.copy(data={"a": np.zeros(3)})
    np.testing.assert_array_equal(provenance.replay(changed, VERBS)["a"], [2.25, 5.25, -5.75])


def test_replay_names_the_file_that_changed(result):
    path = Path(provenance.history(result)[0]["arguments"]["path"])
    path.write_text("1\n2\n4\n")
    with pytest.raises(provenance.HistoryError, match=r"numbers\.txt has changed: SHA-256 .* \(6 bytes\)"):
        provenance.replay(result, VERBS)
    path.unlink()
    with pytest.raises(provenance.HistoryError, match=r"numbers\.txt is gone"):
        provenance.replay(result, VERBS)


def test_only_known_verbs_run(result):
    steps = provenance.history(result)
    steps[1]["verb"] = "__import__('os').system"
    evil = result.assign_attrs(history=json.dumps(steps))
    with pytest.raises(provenance.HistoryError, match="cannot replay"):
        provenance.replay(evil, VERBS)


@pytest.mark.parametrize("text", ["made by hand", "{}", "[1]", '[{"no": "verb"}]', 7])
def test_foreign_history_is_refused(text):
    with pytest.raises(provenance.HistoryError):
        provenance.history(xr.Dataset(attrs={"history": text}))


def test_no_history_no_replay():
    with pytest.raises(provenance.HistoryError, match="no history"):
        provenance.replay(xr.Dataset(), VERBS)


def test_what_cannot_be_recorded_is_refused():
    with pytest.raises(provenance.HistoryError, match="function"):
        provenance.step("fit", {"model": lambda: None})


def test_folder_record_depends_on_content_and_names(tmp_path):
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a").write_text("1")
    first = provenance.file_record(tmp_path / "z")
    (tmp_path / "z" / "a").rename(tmp_path / "z" / "b")
    assert provenance.file_record(tmp_path / "z")["sha256"] != first["sha256"]
    assert first["bytes"] == 1


def test_recipe_round_trip(result, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(provenance.write_recipe(provenance.history(result)), encoding="utf-8")
    assert provenance.read_recipe(recipe) == [
        {"verb": "load", "arguments": {"scale": 2.0}}, {"verb": "add", "arguments": {"amount": 0.25}}]


_VALUES = st.recursive(
    st.booleans() | st.integers(-2**60, 2**60) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
                                                                inner, max_size=3), max_leaves=6)


@given(arguments=st.dictionaries(st.from_regex(r"[a-z]{2}_[a-z]{1,6}", fullmatch=True), _VALUES, max_size=4))
def test_any_arguments_survive_the_recipe(tmp_path_factory, arguments):
    recipe = tmp_path_factory.mktemp("recipe") / "r.toml"
    recipe.write_text(provenance.write_recipe([{"verb": "fit", "arguments": arguments}]), encoding="utf-8")
    assert provenance.read_recipe(recipe) == [{"verb": "fit", "arguments": arguments}]


@pytest.mark.parametrize("text", ["", "a = ", "[[step]]\nmodel = 'hertz'", "step = 3"])
def test_what_is_no_recipe_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(provenance.HistoryError, match=r"bad\.toml"):
        provenance.read_recipe(path)
    with pytest.raises(provenance.HistoryError, match="cannot be opened"):
        provenance.read_recipe(tmp_path / "none.toml")
