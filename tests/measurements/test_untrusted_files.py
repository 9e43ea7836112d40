"""One of each kind of file that nobody should trust: the good map beside them has its numbers, each its reason."""

import json
import re
import sys
import time

import pytest
import xarray as xr
from typer.testing import CliRunner

import asperity
from asperity.data import curve_files, store, trial
from asperity.data.readers._errors import printable
from asperity.virtual.force_map import virtual_map
from tests import simple_fit
from tests.data import evil_files
from tests.memory import forget_peak, peak, resident

MODEL = {"name": "hertz", "radius": 5e-6}
#: bytes of memory and s of processor time (with the processes that read first), for all kinds together
MEMORY, SECONDS = 2 * 2**30, 20.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every kind of `evil_files` beside one good map."""
    place = tmp_path_factory.mktemp("in")
    truth = virtual_map(rows=2, columns=2, samples=64)
    store.save(truth, place / "good.nc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "CPU_SECONDS", 0.5)
        evil_files.make_all(place, truth)
        yield place


@pytest.fixture(autouse=True)
def plain_fit(monkeypatch):
    monkeypatch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
    simple_fit.plain_page(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")


def reasons_of(results):
    return {entry["file"]: entry["problem"] for kind in ("failed_files", "skipped_files")
            for entry in json.loads(results.attrs[kind])}


def test_the_good_map_gives_its_numbers_and_each_evil_file_its_reason(folder, tmp_path):
    alone = asperity.analyze(folder / "good.nc", MODEL)
    forget_peak()
    start, held = time.process_time(), resident()
    results = asperity.analyze(folder, MODEL, out=tmp_path / "out")
    assert time.process_time() - start < SECONDS
    assert peak() - held < MEMORY
    xr.testing.assert_identical(results.drop_attrs(deep=False), alone.drop_attrs(deep=False))
    stored = store.load(tmp_path / "out/results.nc")
    xr.testing.assert_identical(stored.drop_attrs(deep=False), alone.drop_attrs(deep=False))
    found = reasons_of(results)
    assert set(found) == {printable(folder / name) for name in evil_files.KINDS}
    wrong = {name: found[printable(folder / name)] for name, said in evil_files.KINDS.items()
             if not re.search(said, found[printable(folder / name)])}
    assert not wrong
    assert not [reason for reason in found.values() if "\n" in reason or len(reason) > 400]


def test_every_evil_file_alone_fails_with_its_reason(folder):
    for name in evil_files.KINDS:
        sources, statuses = curve_files.open_files([folder / name])
        assert not sources, name
        assert [status.outcome for status in statuses] == ["failed"], name


def said_by(*arguments):
    """Exit code and lines of one command; an exception that leaves it is raised here."""
    from asperity.cli import app

    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output.strip()


@pytest.mark.parametrize("command", [
    ("read",), ("image",), ("spectrum",), ("relax",), ("calibrate", "spring-constant")])
def test_commands_say_one_line_and_fail(folder, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in evil_files.KINDS:
        code, text = said_by(*command, folder / name)
        assert code in (1, 2), (name, text)
        assert "Traceback" not in text, (name, text)
        assert "defect of asperity" not in text, (name, text)
        assert 1 <= len(text.splitlines()) <= 3, (name, text)  # those of several files say it, then list their files
    assert not list(tmp_path.iterdir())


def test_reading_the_folder_says_a_line_for_each_file(folder):
    code, text = said_by("read", folder)
    assert code == 1
    assert len(text.splitlines()) == len(evil_files.KINDS) + 1
    assert "Traceback" not in text
