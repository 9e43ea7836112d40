"""Tables of recorded motions: what is read, and what is said of those that cannot be."""

import numpy as np
import pytest

from asperity.data.readers._errors import ReadError
from asperity.measurements.time_series.files import read_series
from tests.conftest import shared_data


def table(path, title, rows=300, step=1.0):
    columns = len(title.split(","))
    path.write_text(title + "\n" + "\n".join(
        ",".join([repr(step * i), *(f"{np.cos(0.3 * i):.6f}",) * (columns - 1)]) for i in range(rows)) + "\n")
    return path


def test_units_are_read(tmp_path):
    found = read_series(table(tmp_path / "a.csv", "t (us), deflection [nm], drive / mV, other (K)"))
    assert found.interval == pytest.approx(1e-6)
    np.testing.assert_allclose(found.deflection[:2], [1e-9, 0.955336e-9])
    assert (found.drive_unit, found.of_tip, found.unused) == ("V", False, ("other (K)",))
    np.testing.assert_allclose(found.drive[0], 1e-3)


@pytest.mark.parametrize(("title", "said"), [
    ("time (us), deflection", "has no unit"), ("time, deflection (nm)", "has no unit"),
    ("time (us), deflection (V)", "Multiply it by the sensitivity"),
    ("time (us), current (A)", "a time and a deflection"),
    ("time (us), deflection (nm), tip (kg)", "unknown unit"), ("time (us), deflection (nm), defl (nm)", "2 columns")])
def test_wrong_columns_are_named(tmp_path, title, said):
    with pytest.raises(ReadError, match=said):
        read_series(table(tmp_path / "a.csv", title))


def test_wrong_rows_are_named(tmp_path):
    with pytest.raises(ReadError, match="a motion needs 256"):
        read_series(table(tmp_path / "a.csv", "time (us), deflection (nm)", rows=100))
    path = table(tmp_path / "b.csv", "time (us), deflection (nm)")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:100] + lines[120:]) + "\n")
    with pytest.raises(ReadError, match="not even"):
        read_series(path)
    (tmp_path / "c.csv").write_text("")
    with pytest.raises(ReadError, match="empty"):
        read_series(tmp_path / "c.csv")


def test_times_that_do_not_rise_are_named(tmp_path):
    """Rows in the wrong order, or there twice, are no gap."""
    path = table(tmp_path / "a.csv", "time (us), deflection (nm)")
    lines = path.read_text().splitlines()
    for rows in ([lines[0], *lines[:0:-1]], [*lines[:50], *lines[49:]]):
        path.write_text("\n".join(rows) + "\n")
        with pytest.raises(ReadError, match="does not rise"):
            read_series(path)


def test_a_row_without_a_number_that_makes_a_gap_is_named(tmp_path):
    path = table(tmp_path / "a.csv", "time (us), deflection (nm)")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:100], "99.0,nan", *lines[101:]]) + "\n")
    with pytest.raises(ReadError, match=r"line 101, column 2"):
        read_series(path)


def test_the_step_is_that_of_all_times(tmp_path):
    """Times that jitter: their ends would tell the step, and with it all frequencies, to a share of 1e-3."""
    path = table(tmp_path / "a.csv", "time (us), deflection (nm)")
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    values[[0, -1], 0] += [0.15, -0.15]
    np.savetxt(path, values, delimiter=",", header="time (us), deflection (nm)", comments="")
    assert read_series(path).interval == pytest.approx(1e-6, rel=5e-5)


def test_a_supplied_simulation_is_read():
    found = read_series(shared_data("dynamics/tappingmode_sim") / "epoxy_1stMode_99.txt")
    assert found.of_tip
    assert found.interval == pytest.approx(1 / 46e3 / 1000, rel=1e-6)
    assert found.force.max() == pytest.approx(97.392e-9, rel=1e-4)
    assert found.unused == ("Xb(nm)",)
