"""`asperity relax` on force curves keeps what it has finished, goes on, and leaves nothing behind."""

import threading

import pytest
import xarray as xr
from typer.testing import CliRunner

from asperity.cli import app
from asperity.data import store
from asperity.measurements.rheometry import hold, power_law
from tests.contracts.test_results import curves, interrupted
from tests.measurements.rheometry.test_material import fewer_draws


def test_an_interrupted_relax_goes_on(tmp_path, monkeypatch):
    fragile, calls = interrupted(hold.fit_step, draws=4)
    monkeypatch.setattr(hold, "_BATCH", 1)
    monkeypatch.setattr(hold, "fit_step", fragile)
    file, out = store.save(curves("hold"), tmp_path / "held.nc"), tmp_path / "relaxation.nc"
    command = ["relax", str(file), "--radius", "5um", "--out", str(out)]
    stopped = CliRunner().invoke(app, command)
    assert stopped.exit_code == 130
    assert "Finished chunks are kept" in stopped.stderr
    assert not out.exists()
    other = CliRunner().invoke(app, [*command[:3], "6um", *command[4:]])
    assert other.exit_code == 2
    assert "--restart" in other.stderr
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1  # the third curve is not fitted
    assert len(calls) == 3  # the first curve once, the second twice; the third is refused before its fit
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held.nc", "relaxation.html", "relaxation.nc"]
    anew = CliRunner().invoke(app, [*command[:3], "6um", *command[4:], "--restart"])
    assert anew.exit_code == 1
    assert len(calls) == 5


@pytest.mark.study
def test_an_interrupted_relax_without_a_hold_goes_on(tmp_path, monkeypatch):
    fragile, calls = interrupted(power_law.fit_viscoelastic)
    monkeypatch.setattr(power_law, "_CHUNK", 2)
    monkeypatch.setattr(power_law, "fit_viscoelastic", fragile)
    file, out = store.save(curves("hold").sel(segment=["approach"]), tmp_path / "ramps.nc"), tmp_path / "relaxation.nc"
    command = ["relax", str(file), "--radius", "5um", "--out", str(out)]
    stopped = CliRunner().invoke(app, command)
    assert stopped.exit_code == 130
    assert "Finished chunks are kept" in stopped.stderr
    CliRunner().invoke(app, command)
    assert len(calls) == 3  # of three curves two chunks: the first once, the second twice
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ramps.nc", "relaxation.html", "relaxation.nc"]
    with xr.open_dataset(out) as made:
        assert made.sizes["curve"] == 3


def test_an_interruption_says_what_is_kept(tmp_path, monkeypatch):
    """Nothing before the first chunk is finished."""
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(hold, "fit_step", stopped)
    file = store.save(curves("hold"), tmp_path / "held.nc")
    found = CliRunner().invoke(app, ["relax", str(file), "--radius", "5um", "--out", str(tmp_path / "r.nc")])
    assert found.exit_code == 130
    assert "Interrupted. Nothing of it is kept." in found.stderr


def test_work_of_another_command_is_left_alone(tmp_path, monkeypatch):
    """A table of the same name has no curves to keep; what an interrupted run finished there is not its own."""
    from asperity.data import jobs

    fewer_draws(monkeypatch, 4)
    with jobs.run({}, [1], lambda _: curves("hold").isel(curve=[0]), folder=tmp_path / "r.nc.work"):
        other = threading.Thread(target=jobs.discard, args=(tmp_path / "r.nc.work",))  # somebody works there
        other.start()
        other.join()
        assert jobs.finished_chunks(tmp_path / "r.nc.work/chunks") == [0]
    (tmp_path / "r.csv").write_text("time (s), relaxation_modulus (Pa)\n" + "\n".join(
        f"{t},{1000 + 2000 / (1 + t)}" for t in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)))
    done = CliRunner().invoke(app, ["relax", str(tmp_path / "r.csv"), "--out", str(tmp_path / "r.nc")])
    assert done.exit_code == 0, done.output
    assert jobs.finished_chunks(tmp_path / "r.nc.work/chunks") == [0]


@pytest.mark.parametrize("kept", ["notes.txt", "chunks/notes.txt"])
def test_what_is_somebodys_own_stays(tmp_path, kept):
    from asperity.data import jobs

    with jobs.run({}, [1], lambda _: curves("hold").isel(curve=[0]), folder=tmp_path / "work"):
        (tmp_path / "work" / kept).write_text("mine")
    jobs.discard(tmp_path / "work")
    assert [str(path.relative_to(tmp_path / "work")) for path in tmp_path.rglob("*") if path.is_file()] == [kept]
