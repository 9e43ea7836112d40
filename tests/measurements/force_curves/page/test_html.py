import json
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from bokeh.models import ColumnDataSource

from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import contents, score
from asperity.measurements.force_curves.contents import Columns, gathered
from asperity.measurements.force_curves.page import curves, html
from asperity.measurements.force_curves.page.curves import NOTHING, encode, exemplars, thinning
from asperity.measurements.force_curves.page.html import render, write_report
from asperity.measurements.force_curves.summary import summary
from tests.measurements.force_curves.page.examples import (
    ODD,
    flagged,
    joined,
    map_results,
    odd_page,
    off_grid,
    without_figures,
)
from tests.measurements.force_curves.watched import watched


class Page(HTMLParser):
    """The text, the tags and every address of a page."""

    def __init__(self, html):
        super().__init__()
        self.words, self.tags, self.addresses, self._inside = [], [], [], ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside = tag
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.words.append(data)


def page(results, **options):
    return Page(render(results, **options))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of a map with one failed curve, as it stands in its file."""
    results = flagged(map_results(3, 4), {1: Outcome.no_contact})
    return write_report(results, tmp_path_factory.mktemp("report") / "report.html").read_text(encoding="utf-8")


def test_the_file_stands_alone(written):
    found = Page(written)
    assert all(address.startswith("#") or address == "data:," for address in found.addresses)
    assert "default-src 'none'" in written
    assert not {"iframe", "object", "embed", "img"} & set(found.tags)


def test_sections_come_in_the_order_of_a_reader(written):
    names = re.findall(r'<section id="(\w+)"', written)
    assert names == [
        "verdict",
        "explore",
        "fits",
        "distributions",
        "outcomes",
        "calibration",
        "provenance",
        "citations",
    ]


def test_the_verdict_is_in_words(monkeypatch):
    without_figures(monkeypatch)
    results = flagged(map_results(3, 4), {1: Outcome.no_contact, 2: Outcome.misfit})
    text = page(
        results.assign_attrs(failed_files=json.dumps([{"file": "x.spm", "problem": "it ends early"}]))
    ).text
    assert "11 of 12 curves from 1 file (1 more could not be read) are usable." in text
    assert Outcome.no_contact.meaning in text
    assert Outcome.misfit.meaning in text
    assert "x.spm could not be read: it ends early" in text
    assert re.search(r"modulus = \d\.\d\d kPa ± 0\.\d+ \(noise\) ± 0\.\d\d \(calibration\)", text)


@pytest.mark.parametrize(
    "missing",
    [
        ["display_tip_position", "display_force", "display_fit"],
        ["display_fit"],
        ["flag"],
        [
            "modulus_std_noise",
            "modulus_std_calibration",
            "pull_off_force_std_noise",
            "pull_off_force_std_calibration",
        ],
        [
            "contact_point",
            "contact_point_std",
            "window_start",
            "window_stop",
            "noise_std",
            "reduced_chi_square",
        ],
        ["x", "y", "row", "column", "file", "curve_in_file", "session", "spring_constant", "sensitivity"],
        ["modulus", "pull_off_force"],
        ["radius", "radius_std", "spring_constant_std", "poisson_ratio"],
    ],
    ids=lambda names: names[0],
)
def test_any_part_may_be_missing(missing):
    results = map_results(3, 4).drop_vars(missing)
    results.attrs.clear()
    assert "12 curves" in page(results).text
    assert summary(gathered(results))["files"] == 1


def test_a_bare_dataset_and_an_empty_one_are_reported():
    bare = xr.Dataset({"flag": ("curve", np.array([7, 7], dtype=np.int8))})
    assert "None of 2 curves from 1 file is usable." in page(bare).text
    assert "There are no curves." in page(xr.Dataset(coords={"curve": np.arange(0)})).text
    failed = (
        map_results(2, 2).isel(curve=slice(0, 0)).assign_attrs(failed_files='[{"file": "a", "problem": "b"}]')
    )
    assert "No curve could be read from 1 file." in page(failed).text


@pytest.mark.parametrize("name", ODD)
def test_odd_results_are_reported(name):
    results, html = odd_page(name)
    assert f"{results.sizes['curve']} curve" in Page(html).text or results.sizes["curve"] == 1


def test_constant_and_infinite_values_do_not_stop_the_report():
    results = map_results(3, 4)
    results["modulus"].values[:] = 1000.0
    results["pull_off_force"].values[:] = 0.0
    results["reduced_chi_square"].values[:] = np.inf
    results["modulus"].values[3] = -5.0
    assert "12 curves" in page(results).text


def test_a_report_survives_the_trip_through_a_file(tmp_path, monkeypatch):
    without_figures(monkeypatch)
    results = flagged(map_results(3, 4), {1: Outcome.no_contact})
    results.to_netcdf(tmp_path / "results.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "results.nc", engine="h5netcdf") as again:
        assert page(again).text == page(results).text


def test_the_store_holds_the_curves_to_a_part_in_ten_thousand():
    rng = np.random.default_rng(0)
    array = rng.standard_normal((5, 40)) * 10.0 ** -np.arange(6, 11)[:, None]
    array[2, 7] = np.nan
    low, step = np.nanmin(array, axis=1), np.ptp(np.nan_to_num(array), axis=1) / 64000
    codes = encode(array, low, step)
    assert codes[2, 7] == NOTHING
    back = low[:, None] + (codes + 32000.0) * step[:, None]
    back[codes == NOTHING] = np.nan
    np.testing.assert_allclose(back, array, atol=0.51 * step.max(), equal_nan=True)
    assert np.nanmax(np.abs(back - array) / step[:, None]) <= 0.51


def test_large_sets_are_thinned_and_that_is_said():
    assert thinning(4096, 100).words == ""
    half = thinning(65536, 100)
    assert len(half.curves) == 65536
    assert f"{len(half.points)} of their 100" in half.words
    few = thinning(200_000, 100)
    assert len(few.curves) * len(few.points) <= 2_000_000
    assert "one curve in 4 is" in few.words
    assert thinning(3, 0).words == ""


def test_exemplars_are_ranked_by_what_the_noise_allows():
    """A chi-square of 0.1 is as far from it as one of 10, and a misfit is no best fit."""
    results = map_results(3, 4)
    results["reduced_chi_square"].values[:] = [5, 1.1, 0.1, 2, 3, 4, 6, 7, 8, 1.0, 11, 50]
    results = flagged(results, {11: Outcome.contact_out_of_range, 9: Outcome.misfit, 10: Outcome.misfit})
    found = {example.why: example.curve for example in exemplars(gathered(results))}
    assert found == {"best fit": 1, "median fit": 6, "worst usable fit": 10, "a flagged curve": 11}


def test_a_64_by_64_map_fits_eight_megabytes_and_five_seconds(tmp_path):
    results = map_results(64, 64)
    start = time.process_time()
    path = write_report(results, tmp_path / "report.html")
    assert time.process_time() - start <= 5.0  # measured: 1.5 s
    assert path.stat().st_size <= 8e6  # measured: 3.4 MB


def test_what_the_results_hold_is_gathered_once_for_a_page(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(contents, "Columns", lambda results: made.append(results) or Columns(results))
    write_report(joined([map_results(3, 4), off_grid(map_results(1, 3, file="b.ibw"))]), tmp_path / "report.html")
    assert len(made) == 1


def sources(results, monkeypatch):
    """The columns of the sources of a page, those without a name by their columns."""
    kept = []
    monkeypatch.setattr(html, "_embedded", lambda models: kept.extend(models.values()) or ("", {}))
    text = render(results)
    found = {source for model in kept for source in model.references() if isinstance(source, ColumnDataSource)}
    return [(source.name, source.data) for source in found], Page(text).text


def test_a_page_reads_no_more_display_curves_at_a_time_than_it_holds(monkeypatch):
    results = map_results(6, 7)
    points = results.sizes["point"]
    whole, _ = sources(results, monkeypatch)
    for reader in (curves, score):
        monkeypatch.setattr(reader, "_READ", 10)
    lazy, arrays = watched(results)
    parts, _ = sources(lazy, monkeypatch)
    assert all(0 < array.largest <= 24 * points for array in arrays.values())  # an exponent is found from 24 curves
    for name in ("curve-store", "curve-scales"):
        first, second = (next(data for own, data in found if own == name) for found in (whole, parts))
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[column], second[column]) for column in first)


def test_of_very_many_curves_some_are_embedded_and_that_is_said(monkeypatch):
    results = flagged(map_results(6, 7), {4: Outcome.no_contact})
    monkeypatch.setattr(curves, "MOST_KNOWN", 20)
    monkeypatch.setattr(curves, "MOST_POINTS", 10 * curves.FEWEST_PER_CURVE)
    found, text = sources(results, monkeypatch)
    (columns,) = (data for name, data in found if name == "curves")
    numbers = columns["number"].tolist()
    assert {0, 5, 10, 40, 4} <= set(numbers)  # of every fifth the points are there, the fourth is an example
    assert f"Numbers of {len(numbers)} of the 42 curves are embedded" in text
    assert all(len(column) == len(numbers) for column in columns.values())
    np.testing.assert_array_equal(columns["row"], results["row"].values[numbers])
    assert [slot >= 0 for slot in columns["slot"]] == [number % 5 == 0 for number in numbers]


def test_maps_of_a_file_share_the_numbers_of_their_curves_and_are_found_by_an_index(monkeypatch):
    results = joined([map_results(3, 4, file="a.spm"), map_results(3, 5, file="b.spm")])
    found, _ = sources(results, monkeypatch)
    maps = [data for _, data in found if any(name.startswith("image") for name in data)]
    assert sorted(data["curve"][0].shape for data in maps) == [(3, 4), (3, 5)]
    written = Page(render(results))
    assert written.addresses.count("#map-0") == written.addresses.count("#map-1") == 1
    monkeypatch.setattr(html, "MOST_PIXELS", 20)
    found, text = sources(results, monkeypatch)
    assert sum("curve" in data and "image_0" in data for _, data in found) == 1
    assert "The maps of 1 more files are not drawn here, to keep the file small: b.spm" in text


def test_of_very_many_curves_on_no_grid_some_are_drawn_in_their_order(monkeypatch):
    monkeypatch.setattr(html, "MOST_IN_ORDER", 3)
    found, text = sources(off_grid(map_results(1, 7)), monkeypatch)
    (drawn,) = {tuple(data["curve"]) for _, data in found if "noise_low" in data}
    assert drawn == (0, 3, 6)
    assert "Of the curves on no grid, one in 3 is drawn." in text
