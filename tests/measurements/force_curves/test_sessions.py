"""What a fit reads of a file, and what it leaves alone."""

import json

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity.data import jobs
from asperity.data.readers.force_curves import CorruptFile
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import sessions
from asperity.measurements.force_curves.sessions import in_use, join, numbered, whole
from tests.data.readers.force_curves.jpk_archives import build_map, opened, record_reads
from tests.test_cli import run

STYLES = ("extend", "pause", "modulation", "retract")


def test_two_channels_of_two_segments_are_read_each_once(tmp_path, monkeypatch):
    data = opened(build_map(tmp_path / "m.zip", {0: (40, 300, 30, 50), 1: (45, 200, 20, 50)}, STYLES))
    whole = data.load()
    members = record_reads(monkeypatch)
    used = in_use(opened(tmp_path / "m.zip"), "approach")
    members.clear()
    loaded = used.load()
    read = [name for name in members if name.endswith(".dat")]
    assert len(read) == len(set(read)) == 2 * 2 * 2  # curves, segments, channels
    assert {name.split("segments/")[1][0] for name in read} == {"0", "3"}
    assert set(loaded.data_vars) == {"force", "height"}
    for name in loaded.data_vars:
        np.testing.assert_array_equal(loaded[name], whole[name].isel(segment=[0, 3]))


def test_damage_in_what_is_not_read_is_said_when_it_is(tmp_path):
    path = build_map(tmp_path / "m.zip", {0: (40, 300, 30, 50)}, STYLES)
    raw = path.read_bytes()
    place = raw.index(b"segments/1/channels/vDeflection.dat")
    path.write_bytes(raw[:place + 50] + b"\xff" * 40 + raw[place + 90:])
    assert in_use(opened(path), "retract").load()["force"].notnull().sum() == 90
    with pytest.raises(CorruptFile, match="curve 0"):
        opened(path)["force"].load()


def test_what_is_left_where_there_is_no_force_or_no_height():
    curves = asperity.virtual_map(rows=1, columns=2, samples=64)
    assert {"time", "deflection"} & set(in_use(curves, "approach").data_vars) == set()
    assert "true_modulus" in in_use(curves, "approach")
    assert "deflection" in in_use(curves.drop_vars("force"), "approach")  # the message of a fit rests on it
    given = curves.rename(height="tip_position")
    assert "tip_position" in in_use(given, "approach")
    assert in_use(curves, "retract_2").sizes["segment"] == 2


@pytest.mark.parametrize("check", [False, True])
def test_a_check_flags_damage_that_no_fit_reads(tmp_path, check, caplog):
    path = build_map(tmp_path / "m.jpk-force-map", {i: (40, 300, 30, 50) for i in range(3)}, STYLES)
    raw = path.read_bytes()
    place = raw.index(b"index/1/segments/1/channels/vDeflection.dat")
    path.write_bytes(raw[:place + 60] + b"\xff" * 40 + raw[place + 100:])
    found = asperity.analyze(path, {"name": "hertz", "radius": 1e-6}, check=check)
    unread = found["flag"].values == Outcome.unreadable
    assert unread.tolist() == [False, check, False]
    assert ("curve 1 of" in caplog.text) == check
    assert ('"check": true' in found.attrs["history"]) == check


def test_a_check_of_a_file_says_which_curves_are_damaged(tmp_path):
    """As that of an analysis; without it, headers alone are read."""
    whole = build_map(tmp_path / "whole.jpk-force-map", {i: (40, 300, 30, 50) for i in range(3)}, STYLES)
    path = build_map(tmp_path / "m.jpk-force-map", {i: (40, 300, 30, 50) for i in range(3)}, STYLES)
    raw = path.read_bytes()
    place = raw.index(b"index/1/segments/1/channels/vDeflection.dat")
    path.write_bytes(raw[:place + 60] + b"\xff" * 40 + raw[place + 100:])
    code, said, _ = run("read", path)
    assert code == 0
    assert "cannot be read" not in said
    code, said, _ = run("read", path, whole, "--check")
    assert code == 1
    assert "1 of 3 curves cannot be read:" in said
    assert f"  curve 1 of {path} cannot be read: " in said
    assert "all of 3 curves could be read" in said
    code, said, _ = run("read", path, whole, "--check", "--json")
    assert code == 1
    assert [[one["curve"] for one in entry["unreadable_curves"]] for entry in json.loads(said)] == [[1], []]


def made_chunk(first, count, name, **more):
    """Results as a fit leaves them, in small."""
    curves = first + np.arange(count)
    return xr.Dataset({"modulus": ("curve", curves * 1.5, {"units": "Pa"}), "flag": ("curve", curves.astype(np.int8)),
                       "covariance": (("curve", "parameter"), np.ones((count, 2)) * curves[:, None]),
                       **{key: ("curve", value) for key, value in more.items()}},
                      {"file": ("curve", np.array([name] * count)), "parameter": ["a", "b"]})


@pytest.mark.parametrize("more", [{}, {"true_modulus": np.ones(5)}])
def test_results_joined_in_place_are_those_joined_at_once(more):
    """Also where a later file has a longer name, and where one says more than the others."""
    chunks = jobs.Chunks(None, "mark", (4, 5, 3))
    parts = [made_chunk(0, 4, "a.nc"), made_chunk(4, 5, "longer.nc", **more), made_chunk(9, 3, "b.nc")]
    parts[2].attrs["unreadable_curves"] = '[{"file": "b.nc", "curve": 1, "problem": "cannot be read: cut off"}]'
    for number, part in enumerate(parts):
        chunks.save(number, part)
    found, expected = whole(chunks), join(list(chunks))
    xr.testing.assert_identical(found, expected)
    assert list(found.variables) == list(expected.variables)
    assert [found[name].dtype for name in found.variables] == [expected[name].dtype for name in expected.variables]
    assert "cut off" in found.attrs["unreadable_curves"]


def test_blocks_of_stored_results_are_of_several_chunks(monkeypatch):
    monkeypatch.setattr(sessions, "_TOGETHER", 6)
    parts = [made_chunk(0, 4, "a.nc"), made_chunk(4, 5, "a.nc"), made_chunk(9, 3, "b.nc")]
    blocks = list(numbered(iter(parts), {"model": "hertz"}))
    assert [block["curve"].values.tolist() for block in blocks] == [list(range(9)), [9, 10, 11]]
    assert all(block.attrs == {"model": "hertz"} for block in blocks)
    np.testing.assert_array_equal(np.concatenate([block["modulus"] for block in blocks]), 1.5 * np.arange(12))
