"""`asperity.report` writes the page that belongs to what it is given."""

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import asperity
from asperity import calibrate, correct
from asperity.cli import app
from asperity.data import store
from asperity.measurements.images.read import read_image
from asperity.measurements.rheometry.hold import holds
from asperity.messages import ArgumentError
from asperity.virtual.image import Imaging, virtual_images
from asperity.virtual.surface import self_affine
from tests.contracts.test_results import curves
from tests.data.readers.images.tiny_images import tiny_image
from tests.data.readers.thermal_spectra.test_thermal_files import tnd


def table(folder):
    time = np.geomspace(0.01, 10, 12)
    rows = "\n".join(f"{t},{1e3 + 2e3 * np.exp(-t)}" for t in time)
    (folder / "r.csv").write_text(f"time (s), relaxation_modulus (Pa)\n{rows}")
    return folder / "r.csv"


def thermal(folder):
    frequency = 10.0 * np.arange(1, 400)
    power = 1e-12 + 1e-10 / ((1 - (frequency / 2000) ** 2) ** 2 + (frequency / 2000 / 20) ** 2)
    return tnd(folder / "a.tnd", rows=[f"{f} {p} {p}" for f, p in zip(frequency, power)])


def film():
    imaging = Imaging(pixel=1e-8, drift=lambda time: np.multiply.outer(time, [1e-11, 2e-11]), noise=5e-10)
    return virtual_images(self_affine((80, 80), rms=20e-9, seed=0), imaging, frames=2, margin=16)


#: kind -> what its page shows and no other, and how one is made
MADE = {
    "image": ("Leveling", lambda folder: correct.image(read_image(tiny_image("nanoscope", folder)[0]))),
    "phase": ("Leveling", lambda folder: correct.image(read_image(tiny_image("nanoscope", folder)[0]),
                                                       channel="phase")),
    "drift": ("Position", lambda folder: correct.drift(film())),
    "relaxation": ("The data are those of a relaxing material", lambda folder: asperity.relax(table(folder), draws=4)),
    "holds": ("Relaxation and creep", lambda folder: holds(curves("hold"), {"name": "hertz", "radius": 5e-6}, draws=4)),
    "calibration": ("pring constant", lambda folder: calibrate.spring_constant(
        thermal(folder), method="equipartition", sensitivity=20e-9, lever={"tilt": 0.17})),
}


@pytest.mark.parametrize("kind", MADE)
def test_a_stored_result_of_any_kind_has_its_page(kind, tmp_path):
    heading, make = MADE[kind]
    made = store.save(make(tmp_path), tmp_path / "made.nc")
    ran = CliRunner().invoke(app, ["report", str(made), "--out", str(tmp_path / "page.html"), "--title", "Tuesday"])
    assert ran.exit_code == 0, ran.output
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Tuesday" in text
    assert heading in text


def test_a_page_never_takes_the_place_of_results(tmp_path):
    made = store.save(asperity.relax(table(tmp_path), draws=4), tmp_path / "made.nc")
    before = made.read_bytes()
    ran = CliRunner().invoke(app, ["report", str(made), "--out", str(made)])
    assert ran.exit_code == 2
    assert "must end in .html" in ran.stderr
    with pytest.raises(ArgumentError, match=r"give a name that ends in \.html"):
        asperity.report(store.load(made), made)
    assert made.read_bytes() == before


def test_what_has_no_page_says_what_it_is(tmp_path):
    with pytest.raises(ArgumentError, match=r"results must be results of a fit, .*; what was given is force curves"):
        asperity.report(curves("hold"), tmp_path / "page.html")
    with pytest.raises(ArgumentError, match="what was given is an image"):
        asperity.report(read_image(tiny_image("nanoscope", tmp_path)[0]), tmp_path / "page.html")
    with pytest.raises(ArgumentError, match="something unknown"):
        asperity.report(xr.Dataset({"a": 1}), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
