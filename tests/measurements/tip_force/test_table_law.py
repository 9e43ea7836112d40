"""The force law of a table: bands over a known law, its noise, its extrapolation, its history."""

import functools
import json

import numpy as np
import pytest
from scipy.signal import lfilter

import asperity
from asperity.data.readers._errors import ReadError
from asperity.data.readers.force_table import force_table_shows, read_force_table
from asperity.data.results import codes
from asperity.measurements.tip_force import table_law
from asperity.measurements.tip_force.doubts import related, slow, spikes, step, steps, waves
from asperity.measurements.tip_force.page import page
from asperity.measurements.tip_force.table_law import force_law_of_table, white_noise

DRAWS = 64


def truth(z):
    """Exponential repulsion and an attraction between a sphere and a plane; nm to nN."""
    return 3 * np.exp(-z / 0.12) - 1 / 6 / z**2


def written(path, z, force, title="separation (nm);force (nN)", more=()):
    rows = [f"{a:.9g};{b:.9g}" + "".join(f";{one:.9g}" for one in rest) for a, b, *rest in zip(z, force, *more)]
    path.write_text("\n".join([title, *rows]), encoding="utf-8")
    return path


@functools.cache
def laws(folder):
    """Three tables of one law, of different noise."""
    z = np.linspace(0.4, 3.0, 40)
    noises = (0.02 * np.random.default_rng(seed).standard_normal(40) for seed in (1, 2, 3))
    return [force_law_of_table(written(folder / f"table_{i}.csv", z, truth(z) + noise), draws=DRAWS)
            for i, noise in enumerate(noises)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return laws(tmp_path_factory.getbasetemp())[0]


@pytest.mark.study  # by draws of three tables
def test_the_true_law_lies_in_its_bands_and_beyond_the_data(tmp_path_factory):
    within, beyond = [], []
    for made in laws(tmp_path_factory.getbasetemp()):
        z = made["separation"].values[0]
        true = 1e-9 * truth(z * 1e9)
        inside = (made["force_low"].values[0] <= true) & (true <= made["force_high"].values[0])
        within.append(inside[z <= 3e-9].mean())
        beyond.append(inside[z > 3e-9].mean())
        assert z[-1] == pytest.approx(9e-9)
        assert np.abs(made["force"].values[0][z > 6e-9]).max() < 8e-12
    assert np.mean(within) > 0.8  # of bands of 95 %, whose points go together
    assert np.mean(beyond) > 0.8


def test_the_noise_is_found(made):
    assert float(made["noise_std"][0]) == pytest.approx(2e-11, rel=0.3)


def test_it_is_replayed(made):
    again = asperity.replay(made)
    np.testing.assert_array_equal(again["force"], made["force"])


def test_a_stated_noise_is_used_and_the_unit_does_not_matter(tmp_path):
    z = np.linspace(0.4, 3.0, 40)
    force = truth(z) + 0.02 * np.random.default_rng(8).standard_normal(40)
    stated = written(tmp_path / "a.csv", z, force, "separation (nm);force (nN);force_std (nN)", [np.full(40, 0.05)])
    in_pn = written(tmp_path / "b.csv", z * 10, force * 1e3, "distance (Å);F (pN);force_std (pN)", [np.full(40, 50.0)])
    one, other = (force_law_of_table(path, draws=DRAWS) for path in (stated, in_pn))
    assert float(one["noise_std"][0]) == pytest.approx(5e-11, rel=0.1)
    np.testing.assert_allclose(other["force"], one["force"], rtol=1e-4, atol=1e-15)


def test_a_long_table_is_taken_in_means(tmp_path, monkeypatch):
    monkeypatch.setattr(table_law, "_MOST", 64)  # a shape that the other tests have compiled
    z = np.linspace(0.4, 3.0, 5000)
    force = truth(z) + 0.05 * np.random.default_rng(1).standard_normal(5000)
    made = force_law_of_table(written(tmp_path / "long.csv", z, force), draws=DRAWS)
    at = made["separation"].values[0]
    use = (at > 0.42e-9) & (at < 2.9e-9)
    np.testing.assert_allclose(made["force"].values[0][use], 1e-9 * truth(at[use] * 1e9), atol=2.5e-11)
    assert float(made["noise_std"][0]) == pytest.approx(5e-11, rel=0.3)


@pytest.mark.parametrize(("text", "why"), [
    ("z,force (nN)\n" + "1,2\n" * 9, "has no unit"), ("z (V),force (nN)\n" + "1,2\n" * 9, "expected m"),
    ("z (nm),height (nm)\n" + "1,2\n" * 9, "either forces or frequency"),
    ("z (nm),force (nN)\n1,2\n", "titles number 1"),
    ("z (nm),force (nN),force (pN)\n" + "1,2,3\n" * 9, "2 columns of force: force .nN., force .pN."),
    ("z (nm),force (nN)\n" + "1,2\n1,3\n" * 9, "only 1 of its separations differ"),
    ("z (nm),force (nN)\n" + "".join(f"{i},2\n" for i in range(9)), "forces are all the same"),
    ("z (nm),force (nN),force_std (nN)\n" + "".join(f"{i},{i},{i}\n" for i in range(9)), "zero or negative"),
    ("z (nm),force (nN)\n" + "1,x\n" * 9, "'x'")])
def test_wrong_tables_say_what_is_wrong(text, why, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=why):
        read_force_table(path)


def test_curves_are_no_tables(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("time (s),height (nm),force (nN)\n" + "1,2,3\n" * 9, encoding="utf-8")
    assert not force_table_shows(path)
    assert force_table_shows(written(tmp_path / "t.csv", [1, 2], [3, 4])) == "force"


def test_titles_as_people_write_them(tmp_path):
    """A unit after a slash, a capital delta, blanks for underscores."""
    path = tmp_path / "shifts.csv"
    path.write_text("Tip sample distance/nm;Δf/Hz;df_std (Hz)\n" + "\n".join(f"{i};{-i};0.1" for i in range(1, 12)),
                    encoding="utf-8")
    found = read_force_table(path)
    assert set(found.data_vars) == {"frequency_shift", "frequency_shift_std"}
    np.testing.assert_allclose(found["separation"], 1e-9 * np.arange(1, 12))


@pytest.mark.parametrize("spoiled", [
    pytest.param(lambda z: 0.1 + 0 * z, marks=pytest.mark.study),  # some 10 s each
    pytest.param(lambda z: 0.002 * z, marks=pytest.mark.study),
    pytest.param(lambda z: 0.3 - 0.004 * z, marks=pytest.mark.study)])
def test_a_level_and_a_tilt_are_no_force(spoiled, tmp_path):
    """They are told and taken off, and the law is that without them."""
    z = np.linspace(0.4, 40.0, 200)
    noise = 0.02 * np.random.default_rng(1).standard_normal(200)
    made = force_law_of_table(written(tmp_path / "table.csv", z, truth(z) + spoiled(z) + noise), draws=DRAWS)
    assert "The zero of the force is off by" in made.attrs["findings"]
    assert codes(made)[int(made["flag"][0])].name == "converged"
    at = made["separation"].values[0]
    true = 1e-9 * truth(at * 1e9)
    held = (made["force_low"].values[0] <= true) & (true <= made["force_high"].values[0])
    assert held[at <= 40e-9].mean() > 0.8
    assert float(made["level"][0]) * 1e9 == pytest.approx(spoiled(40.0), abs=4e9 * float(made["level_std"][0]))
    assert float(made["level_std"][0]) < 1e-11


@pytest.mark.study  # some 5 s
def test_waves_are_no_force(tmp_path):
    z = np.linspace(0.4, 40.0, 200)
    noise = 0.02 * np.random.default_rng(1).standard_normal(200)
    made = force_law_of_table(written(tmp_path / "table.csv", z, truth(z) + 0.3 * np.cos(z) + noise), draws=DRAWS)
    assert "waves off first" in json.loads(made.attrs["findings"])[0]
    assert codes(made)[int(made["flag"][0])].name == "misfit"
    about = page(made)
    assert about.headline == "No force law of 200 values can be defended."
    assert not about.findings


@pytest.mark.study  # more than 10 s each
@pytest.mark.parametrize("length", [3.0, 10.0])
def test_a_drift_is_no_force(length, tmp_path):
    """A bend of two or less than one period, as large as five times the noise: bands hold the law, or it is doubted."""
    z = np.linspace(0.4, 40.0, 200)
    noise = 0.02 * np.random.default_rng(1).standard_normal(200)
    made = force_law_of_table(written(tmp_path / "table.csv", z, truth(z) + 0.1 * np.cos(z / length) + noise),
                              draws=DRAWS)
    at = made["separation"].values[0]
    true = 1e-9 * truth(at * 1e9)
    held = (made["force_low"].values[0] <= true) & (true <= made["force_high"].values[0])
    assert held.mean() > 0.9 or int(made["flag"][0]) == 2


@pytest.mark.study  # more than 10 s
def test_noise_that_follows_from_row_to_row_is_told(tmp_path):
    rng = np.random.default_rng(7)
    z, noise = np.linspace(0.4, 10.0, 200), lfilter([np.sqrt(1 - 0.81)], [1, -0.9], rng.standard_normal(700))[500:]
    made = force_law_of_table(written(tmp_path / "table.csv", z, truth(z) + 0.02 * noise), draws=DRAWS)
    assert 0.6 < float(made["noise_correlation"][0]) < 1
    assert "The noise of neighboring rows is related" in made.attrs["findings"]
    assert int(made["flag"][0]) == 0


def test_clean_tables_are_not_doubted(made):
    assert int(made["flag"][0]) == 0
    assert float(made["noise_correlation"][0]) < 0.5
    rest = np.random.default_rng(0).standard_normal((200, 100))
    assert sum(bool(waves(one)) + bool(related(one)) for one in rest) <= 1
    assert waves(rest[0] + 2 * np.sin(np.arange(100) / 3))


@pytest.mark.study  # more than 10 s
def test_a_steep_force_in_a_long_table_is_not_averaged(tmp_path):
    """A repulsion that decays over 0.08 nm, in 5000 points to 30 nm: bins are narrow where forces are steep."""
    z = np.linspace(0.3, 30.0, 5000)
    true = 6 * np.exp(-(z - 0.3) / 0.08) - 1 / 6 / z**2
    noise = 0.02 * np.random.default_rng(4).standard_normal(5000)
    made = force_law_of_table(written(tmp_path / "steep.csv", z, true + noise), draws=DRAWS).isel(curve=0)
    at = made["separation"].values * 1e9
    use = (at >= 0.31) & (at <= 1.0)
    np.testing.assert_allclose(made["force"].values[use] * 1e9, np.interp(at[use], z, true), atol=0.06)



def test_steps_spikes_and_two_recordings_are_told():
    """By values whose reason is known: coarse steps and fine ones, one value far off, a slow power."""
    z, noise = np.linspace(0.4e-9, 10e-9, 80), np.random.default_rng(2).standard_normal(80)
    coarse = 0.2 * np.round((truth(z * 1e9) + 0.02 * noise) / 0.2)
    assert step(coarse) == pytest.approx(0.2)
    assert "steps of 200 mN" in steps(coarse, 0.02, "N")[0]
    assert not steps(coarse, 0.1, "N")
    assert step(truth(z * 1e9) + 0.02 * noise) == 0
    assert white_noise(coarse) == pytest.approx(0.2 / np.sqrt(12))
    off = noise.copy()
    off[37] = 6.0
    assert not spikes(noise, z)
    assert "At 4.9 nm a value is off by 6 standard deviations" in spikes(off, z)[0]
    assert "falls more slowly" in slow(np.full(8, 1.5), "beyond the data")[0]
    assert not slow(np.full(8, 2.0), "beyond the data")


@pytest.mark.study  # some 5 s
def test_values_in_coarse_steps_have_no_law(tmp_path):
    """Attraction rounded to 0.2 nN: the far rows are all zero, and no noise is left by which to tell the law."""
    z = np.linspace(0.4, 10.0, 60)
    force = -1 / 6 / z**2 + 0.02 * np.random.default_rng(3).standard_normal(60)
    made = force_law_of_table(written(tmp_path / "coarse.csv", z, 0.2 * np.round(force / 0.2)), draws=DRAWS)
    assert int(made["flag"][0]) == 2
    assert "steps of 200 pN" in made.attrs["findings"]
