"""A result knows how it was made, can be made again, and notices that its inputs have changed."""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st

from asperity.data import provenance


def load(path: str | os.PathLike[str], scale: float = 1.0) -> xr.Dataset:
    """A verb for the tests: numbers of a text file, scaled."""
    data = xr.Dataset({"a": ("curve", scale * np.loadtxt(path))})
    return provenance.record(data, provenance.step(
        "load", {"path": path, "scale": scale}, inputs=[provenance.file_record(path)]))


def add(data: xr.Dataset, *, amount: float) -> xr.Dataset:
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
    with pytest.raises(provenance.HistoryError, match=r"numbers\.txt has changed: SHA-256 .* now it has 6 bytes"):
        provenance.replay(result, VERBS)
    path.write_bytes(b"0" * provenance.history(result)[0]["inputs"][0]["bytes"])
    with pytest.raises(provenance.HistoryError, match=r"numbers\.txt has changed: SHA-256 .* now SHA-256 "):
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


DEEP = 100_000


@pytest.mark.parametrize("text", [
    "made by hand", "{}", "[1]", '[{"no": "verb"}]', 7, '[{"verb": 3}]', '[{"verb": ["load"]}]', "[null]",
    '[{"verb": "load", "arguments": []}]', '[{"verb": "load", "inputs": 3}]', '[{"verb": "load", "inputs": [1]}]',
    '[{"verb": "load", "inputs": [{"file": "a"}]}]',
    '[{"verb": "load", "inputs": [{"file": [], "sha256": "", "bytes": 1}]}]',
    '[{"verb": "load", "inputs": [{"file": "a", "sha256": "b", "bytes": true}]}]',
    "[" * DEEP, "[" * DEEP + "]" * DEEP, '[{"verb": "load", "arguments": {"scale": ' + "[" * 100 + "]" * 100 + "}}]",
    f'[{{"verb": "load", "arguments": {{"scale": {"9" * 5000}}}}}]',
    json.dumps([{"verb": "load"}] * 1001), "[" + " " * 64_000_000 + "]",
], ids=lambda text: str(text)[:40])
def test_foreign_history_is_refused(text):
    with pytest.raises(provenance.HistoryError) as caught:
        provenance.history(xr.Dataset(attrs={"history": text}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


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


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_VALUES = st.recursive(
    st.booleans() | st.integers(-2**60, 2**60) | st.floats(allow_nan=False) | st.just(10**300) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=6)
_NAMES = _TEXT.filter(lambda name: name not in {"verb", "path", "paths", "source", "images", "spectrum", "out"})


@given(verb=_TEXT, arguments=st.dictionaries(_NAMES, _VALUES, max_size=4))
@example(verb='"', arguments={"": '"""', "a.b": "\n]\n", "a b": {'q"': "\x7f\x00", "'": "\\"}, "=": [[], {}]})
def test_any_arguments_survive_the_recipe(tmp_path_factory, verb, arguments):
    recipe = tmp_path_factory.mktemp("recipe") / "r.toml"
    recipe.write_text(provenance.write_recipe([{"verb": verb, "arguments": arguments}]), encoding="utf-8", newline="")
    assert provenance.read_recipe(recipe) == [{"verb": verb, "arguments": arguments}]


def test_what_toml_cannot_hold(tmp_path):
    for arguments in ({"verb": "x"}, {"a": [None]}):
        with pytest.raises(provenance.HistoryError, match="recipe"):
            provenance.write_recipe([{"verb": "fit", "arguments": arguments}])
    recipe = tmp_path / "r.toml"
    recipe.write_text(provenance.write_recipe([{"verb": "fit", "arguments": {
        "a": "bytes \udcff", "b": math.nan, "c": None, "d": {"e": None}}}]), encoding="utf-8")
    read = provenance.read_recipe(recipe)[0]["arguments"]
    assert (read["a"], math.isnan(read["b"]), sorted(read)) == ("bytes ?", True, ["a", "b", "d"])


STEP = "[[step]]\nverb = 'fit'\n"
NONSENSE = {
    "nested lists": f"{STEP}x = " + "[" * 100_000,
    "nested tables": f"{STEP}x = " + "{a=" * 100_000,
    "keys in each other": STEP + "a." * 30_000 + "a = 1",
    "quoted keys in each other": STEP + '"\\"".' * 30_000 + "a = 1",
    "a table's keys in each other": "[" + "a . 'b' ." * 20_000 + "a]",
    "a long number": f"{STEP}x = " + "9" * 1_000_000,
    "many steps": STEP * 50_000,
    "a megabyte of a letter": "a" * 1_000_000,
    "a megabyte of quotes": '"\\' * 500_000,
    "three megabytes": "#" * 3_000_000,
    "steps of no kind": "step = [1, 2]",
    "a verb that is no text": "[[step]]\nverb = 3",
    "depth that can be read": f"{STEP}x = " + "[" * 50 + "]" * 50,
}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_no_recipe_and_costs_little(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    before = time.process_time()
    with pytest.raises(provenance.HistoryError, match=r"bad\.toml: ") as caught:
        provenance.read_recipe(path)
    assert time.process_time() - before < 5
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_recipe_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name in ("pipe.toml", "zero.toml", "."):
        with pytest.raises(provenance.HistoryError, match="regular file"):
            provenance.read_recipe(tmp_path / name)


def altered(result, **arguments):
    """The result with other arguments in its first step."""
    steps = provenance.history(result)
    steps[0]["arguments"] |= arguments
    return result.assign_attrs(history=json.dumps(steps))


@pytest.mark.parametrize(("arguments", "said"), [
    ({"out": "x"}, "cannot say 'out'"), ({"restart": True}, "cannot say 'restart'"),
    ({"progress": 1}, "cannot say 'progress'"), ({"what\never": 1}, r"cannot say 'what\\never'"),
    ({"scale": "2"}, "its scale, '2'"), ({"scale": True}, "its scale, True"), ({"scale": math.nan}, "its scale, nan"),
    ({"scale": math.inf}, "its scale, inf"), ({"scale": 10**400}, "its scale, 1000"),
    ({"scale": [1.0]}, "its scale, a list"),
    ({"scale": {"a": 1}}, "its scale, a dict"), ({"path": 3}, "its path, 3"), ({"path": "x" * 5000}, "its path, 'xxx"),
    ({"path": ["a"]}, "its path, a list"),
])
def test_arguments_that_no_history_holds_are_refused(result, arguments, said):
    with pytest.raises(provenance.HistoryError, match=said) as caught:
        provenance.replay(altered(result, **arguments), VERBS)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def several(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> xr.Dataset:
    """A verb that reads what is named, a folder's files included; those that are no numbers it leaves out."""
    named = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    found = [file for path in named for file in (sorted(path.rglob("*.txt")) if path.is_dir() else [path])]
    read = [file for file in found if file.read_text()[0].isdigit()]
    data = xr.Dataset({"a": ("curve", np.concatenate([np.loadtxt(file, ndmin=1) for file in read]))})
    return provenance.record(data, provenance.step(
        "several", {"paths": [str(path) for path in named]}, inputs=[provenance.file_record(file) for file in read]))


@pytest.fixture
def folder(tmp_path):
    for name, text in (("a.txt", "1\n"), ("inside/b.txt", "2\n3\n"), ("inside/no.txt", "nothing\n")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text)
    return tmp_path / "in"


def again(result):
    return provenance.replay(result, {"several": several})["a"].values.tolist()


def test_a_folder_is_replayed_from_the_files_that_were_read(folder):
    result = several(folder)
    (folder / "new.txt").write_text("7\n")
    os.mkfifo(folder / "hangs.txt")
    assert again(result) == [1.0, 2.0, 3.0]


def test_a_named_file_that_was_not_read_is_not_opened(folder, caplog):
    result = several([folder / "a.txt", folder / "inside/no.txt"])
    (folder / "inside/no.txt").write_text("9\n")
    assert again(result) == [1.0]
    assert "no.txt is not among the recorded inputs" in caplog.text


@pytest.mark.parametrize("base", [".", "in/..", "./in/", "in/../in"])
def test_relative_names_are_replayed(folder, monkeypatch, base):
    monkeypatch.chdir(folder.parent)
    assert again(several(base)) == [1.0, 2.0, 3.0]


def forged(paths, inputs):
    return xr.Dataset(attrs={"history": json.dumps([{"verb": "several", "arguments": {"paths": paths},
                                                     "inputs": inputs}])})


def test_only_recorded_files_are_opened(folder, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("42\n")
    known, other = provenance.file_record(secret), provenance.file_record(folder / "a.txt")
    for paths, inputs, said in [
        (str(secret), [], "not among its recorded inputs"), ([str(secret)], [], "not among its recorded inputs"),
        ([], [known], "is not named"), (str(secret), [other], "is not named"), (str(folder), [known], "is not named"),
        ([str(folder)], [other, known], "is not named"), (None, [known], "paths, None"),
        (str(folder), [{**known, "file": f"{folder}/../secret.txt"}], "is not named"),
    ]:
        with pytest.raises(provenance.HistoryError, match=said):
            again(forged(paths, inputs))
    nameless = forged("x", [known])
    steps = provenance.history(nameless)
    steps[0]["arguments"] = {}
    with pytest.raises(provenance.HistoryError, match="records inputs and names none"):
        again(nameless.assign_attrs(history=json.dumps(steps)))


def test_what_is_no_regular_file_is_not_opened(folder):
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "zero").symlink_to("/dev/zero")
    for name, said in (("pipe", "not a regular file"), ("loop", "gone|cannot be read"), ("zero", "not a regular file"),
                       ("x" * 300, "cannot be read"), ("a\0b", "gone|cannot be read"), ("line\nbreak", "is gone")):
        path = f"{folder}/{name}"
        with pytest.raises(provenance.HistoryError, match=said) as caught:
            again(forged(path, [{"file": path, "bytes": 1, "sha256": "0" * 64}]))
        assert "\n" not in str(caught.value)


def test_a_file_of_another_size_is_not_even_read(folder, monkeypatch):
    monkeypatch.setattr(provenance, "file_record", lambda path: pytest.fail("read"))
    with pytest.raises(provenance.HistoryError, match="now it has more bytes"):
        again(forged(str(folder), [{"file": str(folder), "bytes": 3, "sha256": "0" * 64}]))


def test_a_step_that_fails_now_says_so_in_one_line(result):
    with pytest.raises(provenance.HistoryError, match="'load' cannot be run again: 'lost'"):
        provenance.replay(result, VERBS | {"load": failing})
    one = provenance.history(result)[1:]
    with pytest.raises(provenance.HistoryError, match="needs data of which the history names no file"):
        provenance.replay(result.assign_attrs(history=json.dumps(one)), VERBS)
    twice = provenance.history(result)[:1] * 2
    with pytest.raises(provenance.HistoryError, match="names files amid the history"):
        provenance.replay(result.assign_attrs(history=json.dumps(twice)), VERBS)


def failing(path: str | os.PathLike[str], scale: float) -> xr.Dataset:
    raise KeyError("lost")


def keeping(data: xr.Dataset, *, level: int | None = 1, lines: int | None = None) -> xr.Dataset:
    made = data.assign(level=-1 if level is None else level, lines=-1 if lines is None else lines)
    return provenance.record(made, provenance.step("keeping", {"level": level, "lines": lines}), before=data)


@pytest.mark.parametrize("given", [{}, {"level": None}, {"level": 3, "lines": 2}])
def test_a_none_that_is_no_default_is_replayed(result, given):
    made = keeping(result, **given)
    now = provenance.replay(made, {**VERBS, "keeping": keeping})
    assert (int(now["level"]), int(now["lines"])) == (int(made["level"]), int(made["lines"]))


@pytest.mark.parametrize("text", ["", "a = ", "[[step]]\nmodel = 'hertz'", "step = 3"])
def test_what_is_no_recipe_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(provenance.HistoryError, match=r"bad\.toml"):
        provenance.read_recipe(path)
    with pytest.raises(provenance.HistoryError, match="cannot be opened"):
        provenance.read_recipe(tmp_path / "none.toml")
