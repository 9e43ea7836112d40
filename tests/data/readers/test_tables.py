"""Numbers as people write them: decimal commas, quantities in headers, bad cells, rows at 0, broken-off scans."""

import logging
from pathlib import Path

import numpy as np
import pytest

from asperity.data.images import open_images, summary
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._table import is_no_number, parse_quantity, split_entry
from asperity.data.readers.force_curves import open_dataset
from asperity.data.readers.rheology_table import read_table
from tests.conftest import shared_case
from tests.contracts.tiny import tiny_files

CURVE = [(0.01 * i, 2.0 - 0.02 * i, 0.015625 * i) for i in range(60)]
SPECTRUM = [(2.0**i, 1500.0 + i, 250.5 + i) for i in range(12)]
TITLES = {"curve": ("time (s)", "height (um)", "force (nN)"),
          "spectrum": ("frequency (Hz)", "storage_modulus (Pa)", "loss_modulus (Pa)")}


def text(kind, separator=",", quoted=False, comma=False, header=""):
    """A table of curves or of a spectrum, with another separator, quotes or decimal commas."""
    def cell(word):
        word = word.replace(".", ",") if comma else word
        return f'"{word}"' if quoted else word
    lines = [separator.join(f'"{title}"' if quoted else title for title in TITLES[kind])]
    rows = CURVE if kind == "curve" else SPECTRUM
    lines += [separator.join(cell(f"{value:.6f}") for value in row) for row in rows]
    return header + "\n".join(lines) + "\n"


def opened(path, content):
    path.write_text(content, encoding="utf-8")
    return (open_dataset if path.stem == "curve" else read_table)(path).load()


@pytest.mark.parametrize("kind", ["curve", "spectrum"])
def test_decimal_commas_are_read_in_every_table(kind, tmp_path):
    path = tmp_path / f"{kind}.csv"
    expected = opened(path, text(kind))
    for separator, quoted, comma in ((",", True, True), (",", True, False), (";", False, True), (";", True, True),
                                     ("\t", False, True), ("\t", True, True), (";", False, False)):
        found = opened(path, text(kind, separator, quoted, comma))
        for name in expected.data_vars:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=f"{separator!r} {quoted} {comma}")


@pytest.mark.parametrize("rows", ['0.5,2,"1,234"\n1.5,1,"1,235"\n', '"0,5";2;1.5\n"1,5";1;2.5\n',
                                  "0,5\t2\t1.5\n1\t1\t2\n"])
def test_commas_of_thousands_are_not_taken_for_decimal_ones(rows, tmp_path):
    separator = next(s for s in (";", "\t", ",") if s in rows)
    with pytest.raises(CorruptFile, match=r"numbers with a comma .* and with a point"):
        opened(tmp_path / "curve.csv", separator.join(TITLES["curve"]) + "\n" + rows)


@pytest.mark.parametrize("entry", [
    "# spring constant = 0.05N/m", "# spring constant: 0.05 N/m", "# spring constant:0.05N/m", "#k=50mN/m",
    "# spring constant = 0,05 N/m", "# spring constant (N/m) = 0.05", "# spring constant [mN/m]: 50",
    "# spring constant = 0.05 [N/m]", "# Spring Constant = 0.05 (N/m)", '"# spring constant = 0,05 N/m",,',
    "# spring constant = 0.05 N/m;;", "# spring constant = 5e-2 N / m", "# spring_constant: 50 pN/nm"])
def test_quantities_of_a_header_as_people_write_them(entry, tmp_path):
    found = opened(tmp_path / "curve.csv", text("curve", header=f"{entry}\n# made: by hand at 12:30\n"))
    assert float(found.spring_constant[0]) == pytest.approx(0.05, rel=1e-15)


def test_a_number_without_its_unit_is_told_with_the_remedy(tmp_path):
    for entry in ("# spring constant: 0.05", "# spring constant = 0.05", "# spring constant = 0,05"):
        with pytest.raises(CorruptFile, match="line 1: 'spring_constant' is 0.05 without a unit.*for example 0.05 N/m"
                           .replace("0.05", "0[.,]05")):
            opened(tmp_path / "curve.csv", text("curve", header=f"{entry}\n"))
    with pytest.raises(CorruptFile, match="is in 'nm', expected a unit of N/m"):
        opened(tmp_path / "curve.csv", text("curve", header="# spring constant = 5 nm\n"))
    assert np.isnan(opened(tmp_path / "curve.csv", text("curve", header="# k = 0\n")).spring_constant).all()


def test_entries_and_quantities():
    assert split_entry("# Width (µm): 5") == ("Width", "µm", "5")
    assert split_entry("# session = 12:30 (a = b)") == ("session", "", "12:30 (a = b)")
    assert split_entry("# a comment") == ("", "", "")
    assert parse_quantity(Path("a"), "20.5°", "x", "rad") == pytest.approx(np.radians(20.5))
    assert parse_quantity(Path("a"), "0.3", "x", "1") == 0.3
    for wrong, message in (("about 12 nm", "expected a number"), ("12 or 13 nm", "unknown unit"), ("", "expected a n")):
        with pytest.raises(CorruptFile, match=message):
            parse_quantity(Path("a"), wrong, "x", "m")


NO_NUMBERS = ("NaN", "nan", "-nan(ind)", "1.#QNAN", "#NUM!", "#N/A", "#DIV/0!", "--", "-", "", "n/a", "null")


@pytest.mark.parametrize("kind", ["curve", "spectrum"])
@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_one_bad_cell_costs_one_row_and_is_told(kind, cell, tmp_path, caplog):
    path = tmp_path / f"{kind}.csv"
    lines = text(kind).split("\n")
    expected = opened(path, "\n".join(lines[:5] + lines[6:]))
    assert "left_out" not in expected.attrs
    cells = lines[5].split(",")
    lines[5] = ",".join([cells[0], cell, cells[2]])
    with caplog.at_level(logging.WARNING, "asperity"):
        found = opened(path, "\n".join(lines))
    for name in expected.data_vars:
        np.testing.assert_array_equal(found[name], expected[name])
    assert found.attrs["rows_left_out"] == 1
    assert f"line 6, column 2 ('{TITLES[kind][1]}'): {cell!r}" in found.attrs["left_out"]
    assert path.name in caplog.text
    assert "1 of" in caplog.text


@pytest.mark.parametrize("cell", ["x", "1.2.3", "inf", "1e999", "---5", "12 34", "overflow"])
def test_what_else_is_no_number_refuses_the_file(cell, tmp_path):
    assert not is_no_number(cell)
    content = text("curve").replace("0.100000,", f"{cell},", 1)
    with pytest.raises(CorruptFile, match=r"line 12, column 1 .* is not a finite number"):
        opened(tmp_path / "curve.csv", content)


def test_many_bad_cells_refuse_the_file(tmp_path):
    """More than three rows and more than 1 %: of 60 rows three are left out, of 600 six."""
    def damaged(rows, bad):
        lines = [",".join(TITLES["curve"]), *(f"{i},{2 - i / 1000},{i / 100}" for i in range(rows))]
        return "\n".join([lines[0], *(line.rpartition(",")[0] + ",NaN" if i < bad else line
                                      for i, line in enumerate(lines[1:]))]) + "\n"
    for rows, fine in ((60, 3), (600, 6)):
        assert opened(tmp_path / "curve.csv", damaged(rows, fine)).attrs["rows_left_out"] == fine
        with pytest.raises(CorruptFile, match=rf"{fine + 1} of {rows} rows have a cell that is not a finite number"):
            opened(tmp_path / "curve.csv", damaged(rows, fine + 1))


def test_a_row_without_a_number_keeps_its_neighbors_labels(tmp_path):
    content = "segment,height (um),force (nN)\n" + "".join(
        f"{'approach' if i < 10 else 'retract'},{abs(i - 9.5)},{'--' if i in (4, 12) else i}\n" for i in range(20))
    found = opened(tmp_path / "curve.csv", content)
    assert found.sample_count.values.tolist() == [[9, 9]]


@pytest.mark.parametrize("name", ["chiaro", "ntmdt", "jpk_text", "afmformats_tab"])
def test_every_text_of_curves_loses_one_row_to_one_cell(name, tmp_path):
    path = tiny_files(tmp_path)[name]
    before = open_dataset(path).load()
    lines = path.read_text(encoding="latin-1").split("\n")
    rows = [i for i, line in enumerate(lines) if line[:1].isdigit() or (line[:1] == "-" and "\t" in line)]
    place = rows[len(rows) // 2 + 1]
    separator = "\t" if "\t" in lines[place] else " "
    cells = lines[place].split(separator)
    cells[1] = "NaN"
    lines[place] = separator.join(cells)
    path.write_text("\n".join(lines), encoding="latin-1")
    found = open_dataset(path).load()
    assert found.attrs["rows_left_out"] == 1
    lost = int(before.sample_count.sum() - found.sample_count.sum())
    assert lost == (2 if name == "ntmdt" else 1)  # there a row holds both sides


def test_pixels_without_a_number_are_missing(tmp_path):
    pixels = np.random.default_rng(0).normal(size=(6, 5)).round(3)
    rows = [[str(v) for v in row] for row in pixels]
    rows[2][3], rows[4][0] = "NaN", "--"
    (tmp_path / "a.txt").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    found = open_images(tmp_path / "a.txt", pitch=1e-9, unit="nm")
    assert np.argwhere(np.isnan(found.height.values[::-1])).tolist() == [[2, 3], [4, 0]]
    assert "2 pixels missing" in summary(found)[2]


@pytest.mark.parametrize("entries", ["# Width: 5µm\n# Height: 5 [um]\n", "# Width (µm) = 5\n# Height = 5,0 um\n"])
def test_sizes_in_the_header_of_a_matrix(entries, tmp_path):
    rows = "\n".join("\t".join(f"{i * j % 7}" for j in range(5)) for i in range(1, 6))
    (tmp_path / "a.txt").write_text(f"{entries}{rows}\n", encoding="utf-8")
    np.testing.assert_allclose(np.diff(open_images(tmp_path / "a.txt", unit="nm").x), 1e-6)


def test_magnitude_and_phase_make_a_spectrum(tmp_path):
    frequency, modulus = np.geomspace(1, 100, 8), 1000 * (2 + np.arange(8) + 0.5j)
    size, phase = np.abs(modulus), np.angle(modulus)
    tables = {"frequency (Hz),|E*| (kPa),phase (deg)": (size / 1e3, np.degrees(phase)),
              "f (Hz),abs_modulus (Pa),delta (rad)": (size, phase),
              "f (Hz),E' (Pa),tan(delta)": (modulus.real, np.tan(phase)),
              "f (Hz),storage_modulus (Pa),tan_delta (1)": (modulus.real, np.tan(phase))}
    for titles, columns in tables.items():
        rows = "\n".join(",".join(f"{v:.12g}" for v in row) for row in zip(frequency, *columns))
        found = opened(tmp_path / "spectrum.csv", f"{titles}\n{rows}\n")
        np.testing.assert_allclose(found.storage_modulus, modulus.real, rtol=1e-9, err_msg=titles)
        np.testing.assert_allclose(found.loss_modulus, modulus.imag, rtol=1e-9, err_msg=titles)
        assert set(found.data_vars) == {"storage_modulus", "loss_modulus"}
    shear = opened(tmp_path / "spectrum.csv", "f (Hz),|G*| (Pa),phase (deg)\n1,2,60\n2,3,60\n")
    np.testing.assert_allclose(shear.shear_storage_modulus, [1, 1.5])


def test_uncertainties_of_magnitude_and_phase_are_propagated(tmp_path):
    titles = "f (Hz),abs_modulus (Pa),abs_modulus_std (Pa),phase (rad),phase_std (rad)"
    found = opened(tmp_path / "spectrum.csv", f"{titles}\n1,1000,20,0.5,0.01\n2,1000,20,0.5,0.01\n")
    draws = np.random.default_rng(0).normal(size=(2, 200_000))
    modulus = (1000 + 20 * draws[0]) * np.exp(1j * (0.5 + 0.01 * draws[1]))
    np.testing.assert_allclose(found.storage_modulus_std, modulus.real.std(), rtol=0.01)
    np.testing.assert_allclose(found.loss_modulus_std, modulus.imag.std(), rtol=0.01)


def test_the_row_at_time_zero_is_left_out(tmp_path):
    table = "time (s),relaxation_modulus (Pa)\n{}1,20\n2,10\n4,8\n"
    found = opened(tmp_path / "relax.csv", table.format("0,50\n"))
    assert found.time.values.tolist() == [1, 2, 4]
    assert found.attrs["rows_left_out"] == 1
    assert "the row at time 0 is left out" in found.attrs["left_out"]
    with pytest.raises(CorruptFile, match="not positive in every line"):
        opened(tmp_path / "relax.csv", table.format("-1,50\n"))
    with pytest.raises(CorruptFile, match="not positive in every line"):
        opened(tmp_path / "relax.csv", table.format("0,50\n" * 4))


def test_unfinished_lines_become_missing_and_are_told_once(tmp_path, caplog):
    pixels = np.random.default_rng(0).normal(size=(20, 16))
    pixels[12:] = 0.0
    np.save(tmp_path / "a.npy", pixels)
    found = open_images(tmp_path / "a.npy", pitch=1e-9, unit="nm")
    with caplog.at_level(logging.WARNING, "asperity"):
        for _ in range(2):
            np.testing.assert_array_equal(found.height.values, np.where(np.arange(20) < 12, 1, np.nan)[::-1, None]
                                          * pixels[::-1] * 1e-9)
    assert caplog.text.count("8 of 20 lines hold one value, 0") == 1


def test_what_people_reported():
    assert float(open_dataset(shared_case("k_nospace.csv")).spring_constant[0]) == 0.05
    decimal = read_table(shared_case("spectrum_comma_dec.csv"))
    assert (decimal.storage_modulus[0], decimal.loss_modulus[0]) == (1454.78, 1489.35)
    polar = read_table(shared_case("spectrum_abs_phase.csv"))
    assert len(polar.frequency) == 31
    np.testing.assert_allclose(np.hypot(polar.storage_modulus, polar.loss_modulus)[0], 2083.89, rtol=1e-12)
    relaxed = read_table(shared_case("relax_t0.csv"))
    assert float(relaxed.time[0]) == 0.001
    assert relaxed.attrs["rows_left_out"] == 1
    with pytest.raises(CorruptFile, match="single line of 256 numbers"):
        open_images(shared_case("one_line.txt"))
    broken, whole = (open_images(shared_case(f"unfinished_matrix{end}.txt"), pitch=5e-9, unit="nm").height.values
                     for end in ("", "_reference"))
    assert np.isnan(broken).all(axis=1).sum() == 53
    np.testing.assert_array_equal(broken[53:], whole[53:])
    assert np.nanstd(broken) == pytest.approx(1.9e-9, rel=0.01)


def test_titles_with_a_slash_and_inverse_units(tmp_path):
    """E'/kPa as DIN 1313 writes it, and what people write for one over a pascal."""
    found = opened(tmp_path / "spectrum.csv", "f/Hz;E'/kPa;E''/kPa\n0,1;1,5;0,5\n1;2;0,6\n")
    np.testing.assert_allclose(found.storage_modulus, [1500, 2000])
    for unit in ("1/kPa", "kPa^-1", "kPa-1", "kPa⁻¹"):
        for title in (f"J(t) ({unit})", f"creep_compliance [{unit}]", f"J / {unit}"):
            creep = opened(tmp_path / "creep.csv", f"t (s);{title}\n0,1;0,5\n1;0,6\n10;0,8\n")
            np.testing.assert_allclose(creep.creep_compliance, [5e-4, 6e-4, 8e-4], err_msg=title)
            assert creep.creep_compliance.attrs["units"] == "1/Pa"
    with pytest.raises(Unsupported, match="'creep_compliance' is in kPa, expected 1/Pa"):
        opened(tmp_path / "creep.csv", "t (s);J (kPa)\n0,1;0,5\n1;0,6\n")


def test_units_that_are_missing_are_asked_for_by_name(tmp_path):
    with pytest.raises(Unsupported, match=r"columns time, creep_compliance have no unit. .*: time \(s\), "
                                          r"creep_compliance \(1/kPa\)"):
        opened(tmp_path / "creep.csv", "t,J\n1,2\n2,3\n")
    with pytest.raises(Unsupported, match="the column 'phase' has no unit"):
        opened(tmp_path / "spectrum.csv", "f (Hz),|E*| (Pa),phase\n1,2,3\n2,3,4\n")


def test_rows_at_one_frequency_become_their_mean(tmp_path):
    """The overlaps of a master curve, in any order; how far they are apart is said."""
    titles = "f (Hz),E' (Pa),E'' (Pa),E'_std (Pa)"
    found = opened(tmp_path / "spectrum.csv", f"{titles}\n10,110,30,5\n1,80,20,4\n10,90,10,7\n100,200,40,9\n")
    assert found.frequency.values.tolist() == [1, 10, 100]
    assert found.storage_modulus.values.tolist() == [80, 100, 200]
    assert found.storage_modulus_std.values.tolist() == [4, 6, 9]
    assert "1 frequency value stood in several rows, whose mean is taken; they are up to 50 % off it" \
        in found.attrs["left_out"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
def test_encodings_of_a_table(encoding, tmp_path):
    path = tmp_path / "spectrum.csv"
    path.write_bytes(text("spectrum", ";", comma=True).encode(encoding))
    expected = opened(tmp_path / "other_spectrum.csv", text("spectrum"))
    np.testing.assert_array_equal(read_table(path).loss_modulus, expected.loss_modulus)
