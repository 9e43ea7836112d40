"""Plain CSV: the documented example, units, segments, and errors that name line and column."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers.force_curves import plain_csv

DOCS = Path(__file__).resolve().parents[4] / "docs" / "plain_csv.md"


@pytest.fixture
def opened(tmp_path):
    def read(text, name="a.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        assert plain_csv.matches(path.read_bytes()[:4096], name)
        return to_dataset(plain_csv.open_curves(path), str(path)).load()

    return read


def example():
    return DOCS.read_text(encoding="utf-8").split("```csv\n")[1].split("```")[0]


def test_documented_example(opened):
    data = opened(example())
    assert data.segment.values.tolist() == ["approach", "pause", "retract"]
    assert data.sample_count.values.tolist() == [[3, 1, 2], [2, 0, 1]]
    assert data.spring_constant.values.tolist() == [0.05, 0.05]
    np.testing.assert_allclose(data.sensitivity, 62e-9, rtol=1e-15)
    np.testing.assert_allclose(data.height.values[0, 0], [1.2e-6, 1.1e-6, 1e-6], rtol=1e-15)
    np.testing.assert_allclose(data.force.values[0, 0], [0, 0.05 * 0.1e-9, 0.05 * 4e-9], rtol=1e-14)
    np.testing.assert_allclose(data.x, [0, 1e-5])
    assert set(data.session.values) == {"2026-03-02 lever A"}
    assert data.attrs["radius"] == pytest.approx(5e-6, rel=1e-15)
    assert data.attrs["instrument"] == "home-built"


def test_documented_columns_are_all_known():
    """Every column of the table in the docs is accepted, with the unit that it shows."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| `")]
    titles = [(name.strip(" `"), unit.strip()) for names, unit in rows for name in names.split(",")]
    assert len(titles) == 11
    for name, unit in titles:
        if unit != "none":
            plain_csv._title(Path("docs"), name, f"{name} ({unit})")
        else:
            assert name in plain_csv._LABELS


@pytest.mark.parametrize(("separator", "decimal"),
                         [(",", "."), (";", "."), (";", ","), ("\t", ","), ("\t", ".")])
def test_separators_and_decimal_commas(opened, separator, decimal):
    rows = [("height (nm)", "force [nN]"), ("20.5", "0.0"), ("10.25", "1.5"), ("30.0", "-0.5")]
    text = "\n".join(separator.join(cell.replace(".", decimal) if i else cell for cell in row)
                     for i, row in enumerate(rows))
    data = opened(text)
    assert data.sample_count.values.tolist() == [[2, 1]]  # split at the lowest height
    np.testing.assert_allclose(data.force.values[0, 0], [0, 1.5e-9], rtol=1e-15)


@given(exponent=st.sampled_from([("m", 1), ("mm", 1e-3), ("um", 1e-6), ("µm", 1e-6), ("pm", 1e-12)]),
       value=st.floats(-1e6, 1e6, allow_subnormal=False))
def test_a_value_does_not_depend_on_its_unit(tmp_path_factory, exponent, value):
    unit, factor = exponent
    path = tmp_path_factory.mktemp("unit") / "a.csv"
    path.write_text(f"height ({unit}),force (N)\n{value / factor!r},0\n", encoding="utf-8")
    height = plain_csv.open_curves(path).channels["height"](0)[0][0]
    assert height == pytest.approx(value, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize(("unit", "name", "si"), [
    ("nm", "deflection", 1e-9), ("mV", "deflection_voltage", 1e-3),
    ("pN", "force", 1e-12), ("uN", "force", 1e-6)])
def test_signals_and_units(opened, unit, name, si):
    title = "force" if unit.endswith("N") else "deflection"
    data = opened(f"height (um),{title} ({unit})\n2,3\n1,4\n")
    assert data[name].values[0, 0].tolist() == pytest.approx([3 * si, 4 * si], rel=1e-15)


def test_repeated_segments_are_numbered(opened):
    kinds = ["approach", "pause", "modulation", "pause", "retract"]
    rows = "".join(f"{kind},{i},0\n" for i, kind in enumerate(kinds))
    data = opened("segment,height (m),force (N)\n" + rows)
    assert data.segment.values.tolist() == ["approach", "pause", "modulation", "pause_2", "retract"]


@pytest.mark.parametrize(("old", "new", "message"), [
    ("height (um)", "height", r"line 6, column 4 \('height'\) has no unit"),
    ("height (um)", "height (parsec)", r"line 6, column 4 .*unknown unit 'parsec' \(expected e.g. m, um"),
    ("height (um)", "height (nN)", "line 6, column 4 .*is in 'nN', expected a unit of m"),
    ("x (um)", "hieght (um)", r"line 6, column 6 \('hieght \(um\)'\) is no known column"),
    ("y (um)", "x (um)", "line 6, column 7 .*'x' occurs twice"),
    ("height (um)", "height_drive (um)", "line 6: no column for height or tip_position"),
    ("deflection (nm)", "tip_position (nm)", "line 6: no column for force or deflection"),
    ("1,approach,0.01,1.10", "1,approach,0.01,1.1.0", r"line 8, column 4 \('height \(um\)'\): '1.1.0' "),
    ("1,approach,0.01,1.10,", "1,approach,0.01,", "line 8: 6 columns, expected 7"),
    ("1,approach,0.01,", "1,approach,inf,", "line 8, column 3 .*'inf' is not a finite"),
    ("1,pause", "1,wait", r"data row 4 \(near line 10\): segment 'wait', expected approach, pause"),
    ("2,retract", "1,retract", "data row 9 .*curve '1' continues after another"),
    ("0.05 N/m", "0.05", "line 1: 'spring_constant' is 0.05 without a unit.*0.05 N/m"),
    ("0.05 N/m", "soft N/m", "line 1: 'spring_constant' is 'soft N/m', expected a number"),
    ("1,approach,0.02", "1,approach,0.001", "the time falls"),
])
def test_errors_name_line_and_column(opened, old, new, message):
    text = example()
    assert old in text
    with pytest.raises(CorruptFile, match=message):
        opened(text.replace(old, new, 1))


def test_curves_whose_segments_differ_in_order_are_refused(opened):
    rows = "1,approach,2,0\n1,retract,3,0\n2,retract,2,0\n2,approach,3,0\n"
    with pytest.raises(CorruptFile, match="curve 1 has its segments in the order retract, approach; that of"):
        opened("curve,segment,height (um),force (nN)\n" + rows)


def test_foreign_tables_are_not_taken_for_curves():
    for text in ("name,age\nAda,36\n", "1.0,2.0\n3.0,4.0\n", "hello\n", "", "# only a comment\n",
                 "id;value (kg)\n1;2\n"):
        assert not plain_csv.matches(text.encode(), "a.csv")


def test_titles_without_rows_are_refused(opened):
    with pytest.raises(CorruptFile, match="no data rows after line 1"):
        opened("height (um),force (nN)\n")


def test_a_hold_without_a_segment_column_and_a_sampling_rate_instead_of_times(opened):
    """It was read as approach and retract, and 'relax' fitted a power law to both."""
    height = np.concatenate([np.linspace(1, 0, 60), np.zeros(60), np.linspace(0, 1, 60)])
    rows = "".join(f"{value:.4f},{1 - value:.4f}\n" for value in height)
    for line in ("# sampling rate: 500 Hz", "# sampling_rate = 0.5 kHz", "# Sample rate (Hz) = 500"):
        data = opened(f"{line}\nheight (um),force (nN)\n{rows}")
        assert data.segment.values.tolist() == ["approach", "pause", "retract"]
        assert data.sample_count.values.ravel() == pytest.approx([60, 60, 60], abs=2)
        times = data.time.values.ravel()
        np.testing.assert_allclose(times[np.isfinite(times)], np.arange(180) / 500)
    assert "time" not in opened(f"height (um),force (nN)\n{rows}")
