"""Damage of recorded motions: what is found, what is told of it, and what is sound."""

import json

import numpy as np
import pytest

from asperity.data.readers._errors import CorruptFile
from asperity.learning.outcome import Outcome
from asperity.measurements.time_series.damage import cut_off, damage_of, dominant_period, stands_still
from asperity.measurements.time_series.files import read_series
from asperity.measurements.time_series.page import page
from asperity.measurements.time_series.series import series_model
from tests.measurements.time_series.sound_records import MOTIONS, sound
from tests.measurements.time_series.tapping_table import LEVER, MODULUS, RADIUS, write


def record(samples=2000, noise=1e-3):
    return np.cos(0.3 * np.arange(samples)) + noise * np.random.default_rng(0).standard_normal(samples)


@pytest.mark.parametrize("wrong", [0.02, -0.02, 9.0, 1e6])
def test_a_spike_is_found_and_its_neighbors_tell_its_value(wrong):
    values = record()
    damaged = values.copy()
    damaged[[0, 700, 1300, 1999]] += wrong
    found = damage_of(damaged)
    np.testing.assert_array_equal(found.at, [0, 700, 1300, 1999])
    np.testing.assert_allclose(found.expected, np.cos(0.3 * found.at), atol=5e-3)


@pytest.mark.parametrize("kind", MOTIONS)
def test_sound_motions_are_sound(kind):
    for seed in range(2):
        values = sound(kind, np.random.default_rng([5, seed]), 1e-3)
        assert not len(damage_of(values).at)
        assert cut_off(values) is None
        assert stands_still(values) is None


def test_the_dominant_period_lies_between_lines():
    assert dominant_period(record() + 0.01 * np.arange(2000)) == pytest.approx(2 * np.pi / 0.3, rel=1e-4)


def test_a_stretch_that_stands_still_is_found():
    values = record()
    values[500:540] = values[500]
    assert stands_still(values) == (500, 539)
    later = np.where(np.arange(2000) < 500, 0.0, record())  # begins to move
    assert stands_still(later) is None


def test_tops_that_are_cut_off_are_found():
    values = record()
    first, last, height = cut_off(np.maximum(values, -0.8))
    assert height == -0.8
    assert np.all(values[first : last + 1] <= -0.8)
    assert cut_off(np.round(values * 50) / 50) is None  # eight bits: flat, and no higher beyond


def damaged_table(path, change, column=1):
    """The record of a tapping lever with some of its cells changed."""
    write(path)
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    change(values[:, column])
    title = path.read_text(encoding="utf-8").splitlines()[0]
    np.savetxt(path, values, delimiter=",", header=title, comments="", fmt="%.10g")
    return path


def test_few_damaged_cells_are_left_out_and_named(tmp_path):
    """A lost decimal point and a lost sign among 1921 samples: unmended they give 0.42 +- 0.04 GPa, not flagged."""

    def change(values):
        values[700] *= 10
        values[1200] *= -1

    made = series_model(damaged_table(tmp_path / "a.csv", change), lever=LEVER,
                        contact={"name": "hertz", "radius": RADIUS, "poisson_ratio": 0.0})
    assert abs(float(made["modulus"]) - MODULUS) < 3 * float(made["modulus_std"]) < 0.15 * MODULUS
    cells = json.loads(made.attrs["damaged"])
    assert [round(cell["time"] * 3e5 * 64) for cell in cells] == [700, 1200]
    assert "2 samples contradicted by all others" in made.attrs["findings"]
    assert made["flag"] == Outcome.converged


def test_a_damaged_drive_is_mended(tmp_path):
    def change(values):
        values[1000] = 0.0

    found = read_series(damaged_table(tmp_path / "a.csv", change, 2))
    assert [cell.column for cell in found.damaged] == ["drive"]


def test_many_damaged_cells_refuse_the_table(tmp_path):
    def change(values):
        values[np.random.default_rng(3).choice(len(values), 40, replace=False)] *= -1

    with pytest.raises(CorruptFile, match="of its deflection are not those of its motion, first"):
        read_series(damaged_table(tmp_path / "a.csv", change))


def test_a_record_that_stands_still_is_refused(tmp_path):
    def change(values):
        values[900:960] = values[900]

    with pytest.raises(CorruptFile, match="60 equal values of a motion"):
        read_series(damaged_table(tmp_path / "a.csv", change))


def test_a_saturated_detector_is_flagged(tmp_path):
    def change(values):
        values[:] = np.minimum(values, 15.0)

    made = series_model(damaged_table(tmp_path / "a.csv", change), lever=LEVER, contact={"name": "hertz"})
    assert made["flag"] == Outcome.saturated
    assert not {"modulus", "tip_force", "contact_point"} & set(made)
    assert "The record is cut off: deflection at 15" in made.attrs["findings"]
    assert "No modulus" not in made.attrs["findings"]  # one reason, and no second one that follows of it
    assert "the record is cut off" in page(made).headline
