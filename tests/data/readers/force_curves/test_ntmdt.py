"""NT-MDT text: against afmformats, padding and order."""

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers.force_curves import ntmdt
from tests.conftest import shared_data

FILE = "force/other_afm/fmt-ntmdt-txt-fd_2015_01_17_gel4-0,1_mQ_adh_6B_Curve_DFL_Height_51.txt"


def ntmdt_text(rows=50, padding=5):
    """Heights -400 ... 0 nm; the signal rises below -200 nm; the deepest rows repeat one value."""
    height = np.linspace(-400, 0, rows)
    signal = np.maximum(-200 - height, 0) * 0.01
    approach, retract = signal - 1.0, signal - 1.1
    approach[:padding], retract[: padding + 2] = approach[padding], retract[padding + 2]
    lines = [f"{h:.4f}\t{a:.4f}\t{r:.4f}".replace(".", ",") for h, a, r in zip(height, approach, retract)]
    return "\n".join(lines) + "\n"


def test_agrees_with_afmformats_to_the_last_digit():
    afmformats = pytest.importorskip("afmformats")
    path = shared_data(FILE)
    theirs = afmformats.load_data(path, meta_override={"spring constant": 0.03, "sensitivity": 55.0})[0]
    ours = to_dataset(ntmdt.open_curves(path), str(path), spring_constant=0.03, sensitivity=55.0)
    ours = ours.isel(curve=0)
    assert ours.sample_count.values.tolist() == [822, 822]
    np.testing.assert_allclose(ours.height.values.ravel(), theirs["height (measured)"], rtol=1e-15)
    np.testing.assert_allclose(ours.force.values.ravel(), theirs["force"], rtol=1e-14)


def test_measured_curve_is_repulsive_at_low_heights():
    data = to_dataset(ntmdt.open_curves(shared_data(FILE)), "f").isel(curve=0).load()
    approach = data.sel(segment="approach")
    assert float(approach.height[0]) > float(approach.height[-1])
    assert float(approach.deflection_voltage[-1] - approach.deflection_voltage[0]) > 2e-9  # A
    assert str(data.session.values) == f"NT-MDT {FILE.rsplit('/', 1)[1].split('_Curve')[0]}"


def test_padding_is_dropped_and_time_order_restored(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(ntmdt_text())
    curves = ntmdt.open_curves(path)
    assert curves.counts.tolist() == [[45, 43]]
    approach, retract = curves.channels["height"](0)
    assert (np.diff(approach) < 0).all()
    assert (np.diff(retract) > 0).all()
    assert approach[0] == 0.0
    assert curves.channels["deflection_voltage"](0)[0][0] == pytest.approx(-1e-9)


def test_falling_heights_give_the_same_curve(tmp_path):
    text = ntmdt_text()
    (tmp_path / "up.txt").write_text(text)
    (tmp_path / "down.txt").write_text("".join(reversed(text.splitlines(keepends=True))))
    up, down = (ntmdt.open_curves(tmp_path / name) for name in ("up.txt", "down.txt"))
    for channel in ("height", "deflection_voltage"):
        for a, b in zip(up.channels[channel](0), down.channels[channel](0)):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("-1,1000\n", "-1,1000\t2\n", "line .*4 columns, expected 3"),
    ("-1,1000\n", "--1\n", "line .*'--1' is not a finite number"),
])
def test_damage_names_line_and_cause(tmp_path, old, new, message):
    path = tmp_path / "a.txt"
    path.write_text(ntmdt_text().replace(old, new, 1))
    with pytest.raises(CorruptFile, match=message):
        ntmdt.open_curves(path)


def test_heights_out_of_order_are_refused(tmp_path):
    path = tmp_path / "a.txt"
    lines = ntmdt_text().splitlines()
    lines[10] = lines[10].replace("-3", "3", 1)
    path.write_text("\n".join(lines))
    with pytest.raises(CorruptFile, match="not in order"):
        ntmdt.open_curves(path)


def test_constant_signal_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{h}\t1,0\t2,0\n" for h in range(10)))
    with pytest.raises(CorruptFile, match="constant"):
        ntmdt.open_curves(path)
