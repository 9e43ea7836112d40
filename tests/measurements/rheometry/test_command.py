"""`asperity relax` on force curves keeps what it has finished, goes on, and leaves nothing behind."""

import pytest
from typer.testing import CliRunner

from asperity.cli import app
from asperity.data import store
from asperity.measurements.rheometry import hold
from tests.contracts.test_results import curves


def test_an_interrupted_relax_goes_on(tmp_path, monkeypatch):
    calls, real = [], hold.fit_step

    def fragile(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs | {"draws": 4})

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


@pytest.mark.parametrize("kept", ["notes.txt", "chunks/notes.txt"])
def test_what_is_somebodys_own_stays(tmp_path, kept):
    from asperity.data import jobs

    with jobs.run({}, [1], lambda _: curves("hold").isel(curve=[0]), folder=tmp_path / "work"):
        (tmp_path / "work" / kept).write_text("mine")
    jobs.discard(tmp_path / "work")
    assert [str(path.relative_to(tmp_path / "work")) for path in tmp_path.rglob("*") if path.is_file()] == [kept]
