"""The command `force`: curves and tables, their page and table, replay, what it refuses, and going on."""

import csv
import json

import numpy as np
import pytest

import asperity
from asperity.data import jobs, store
from asperity.measurements.replay import differences
from asperity.measurements.tip_force import law as law_module
from asperity.measurements.tip_force.law_csv import write_csv
from tests.measurements.tip_force import approaching
from tests.test_cli import run


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(folder, what the command said) of two curves."""
    folder = tmp_path_factory.mktemp("force")
    curves = store.save(approaching.dataset([1, 4]), folder / "curves.nc")
    code, out, err = run("force", curves, "--draws", 32, "--out", folder / "law.nc")
    assert code == 0, err
    return folder, out


def test_what_it_says_and_writes(done):
    folder, out = done
    assert out.startswith("An attraction is seen before contact in ")
    assert "attraction at contact: " in out
    assert "modulus at vanishing depth: " in out
    assert "95 %" in out
    assert {path.name for path in folder.iterdir()} == {"curves.nc", "law.nc", "law.html", "law.csv"}
    page = (folder / "law.html").read_text(encoding="utf-8")
    assert "Curve 1: force law" in page
    assert "extrapolated" in page


def test_the_table_holds_the_law(done):
    folder, _ = done
    law = store.load(folder / "law.nc")
    rows = list(csv.DictReader((folder / "law.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == law["force"].size
    forces = np.array([float(row["force (N)"]) for row in rows]).reshape(law["force"].shape)
    np.testing.assert_array_equal(forces, law["force"].values)
    assert float(rows[0]["contact (N)"]) == float(law["part_force"].sel(part="contact")[0, 0])


def test_the_law_is_replayed_from_its_history(done):
    folder, _ = done
    law = store.load(folder / "law.nc")
    assert max(differences(law, asperity.replay(law)).values()) == 0
    assert asperity.report(law, folder / "again.html").exists()


@pytest.mark.study
def test_it_goes_on_where_it_was(done, monkeypatch):
    folder, _ = done
    whole, calls, original = store.load(folder / "law.nc"), [], law_module._one

    def fragile(*args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(law_module, "_one", fragile)
    command = ("force", folder / "curves.nc", "--draws", 32, "--out", folder / "second.nc")
    assert run(*command)[0] == 130
    code, _, _ = run(*command)
    assert code == 0
    assert len(calls) == 3
    np.testing.assert_array_equal(store.load(folder / "second.nc")["force"], whole["force"])


def test_a_file_that_cannot_be_read_is_told_and_counts(tmp_path):
    folder = tmp_path / "curves"
    folder.mkdir()
    store.save(approaching.dataset([1]), folder / "one.nc")
    (folder / "empty.csv").write_text("")
    code, out, _ = run("force", folder, "--draws", 32, "--out", tmp_path / "law.nc")
    assert code == 1
    assert "1 file could not be read: " in out
    assert "empty.csv: the file is empty" in out


def test_no_law_at_all_is_a_failure(tmp_path):
    """Curves that never touch: exit code 2, and the page says why."""
    data = approaching.dataset([1])
    data = data.assign_coords(sample_count=data["sample_count"] - 150)
    code, out, _ = run("force", store.save(data, tmp_path / "curves.nc"), "--draws", 32, "--out", tmp_path / "law.nc")
    assert code == 2
    assert "no contact is seen" in out
    assert (tmp_path / "law.html").exists()


def test_a_modulus_that_is_only_bounded_is_flagged_in_the_table(done, tmp_path):
    law = store.load(done[0] / "law.nc").load()
    law["modulus_low"][0] = -1e8
    law["flag"][0] = 4
    rows = list(csv.DictReader(write_csv(law, tmp_path / "law.csv").read_text(encoding="utf-8").splitlines()))
    assert {(row["curve"], row["flag"], row["modulus (Pa)"] == "") for row in rows} == {
        ("0", "bound_hit", True), ("1", "converged", False)}
    assert float(rows[0]["modulus_high (Pa)"]) == float(law["modulus_high"][0])
    assert {row["extrapolated (1)"] for row in rows} == {"0.0", "1.0"}


@pytest.mark.study
def test_json(tmp_path):
    path = table(tmp_path / "table.csv")
    code, out, _ = run("force", path, "--draws", 32, "--out", tmp_path / "law.nc", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["findings"][0] == "A force law of 24 values, with its parts and their bands."
    assert [name.rsplit(".", 1)[1] for name in told["outputs"]] == ["nc", "html", "csv"]


def table(path, title="z (nm),force (nN)"):
    z = np.linspace(0.4, 3.0, 24)
    noise = 0.02 * np.random.default_rng(2).standard_normal(24)
    force = 3 * np.exp(-z / 0.12) - 1 / 6 / z**2 + noise
    path.write_text("\n".join([title, *(f"{a},{b}" for a, b in zip(z, force))]), encoding="utf-8")
    return path


@pytest.mark.parametrize(("arguments", "why"), [
    (("table.csv", "--out", "table.nc"), "would be written over"),
    (("table.csv", "--model", "jkr"), "--model says nothing of a table of forces"),
    (("table.csv", "--spring-constant", "2N/m"), "--spring-constant says nothing of a table"),
    (("table.csv", "bare.csv"), "one table at a time"),
    (("nothing.csv",), "nothing.csv"),
    (("bare.csv",), "has no unit"),
    (("one.csv",), "'force (nN)' is its only column"),
    (("place.csv",), "'separation (nm)' is its only column"),
    (("angstrom.csv",), "write separation (Å)"),
])
def test_what_is_refused(arguments, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "table.csv")
    table(tmp_path / "bare.csv", "z,force")
    table(tmp_path / "angstrom.csv", "z (A),force (nN)")
    for name, title in (("one", "force (nN)"), ("place", "separation (nm)")):
        (tmp_path / f"{name}.csv").write_text("\n".join([title, *map(str, range(20))]))
    code, _, err = run("force", *arguments, "--draws", 32)
    assert code == 2
    assert why in " ".join(err.split())
    assert "Traceback" not in err
    assert jobs.PLAN not in err
