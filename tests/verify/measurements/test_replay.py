"""Replay of the verbs that take a while: each gives its own numbers again, to the last bit."""

import numpy as np

import asperity
from asperity import calibrate, correct
from asperity.contact import JKR
from asperity.data import store
from asperity.measurements.images.read import read_image
from asperity.measurements.rheometry.hold import holds
from asperity.measurements.rheometry.material import median_spectrum, relax, spectrum
from asperity.measurements.rheometry.modulation import modulus_spectrum
from asperity.measurements.rheometry.power_law import power_law
from asperity.virtual.calibration import stiff_curves
from asperity.virtual.force_map import virtual_map
from asperity.virtual.scanner import driven, virtual_scanner
from tests.data.readers.images import tiny_images
from tests.data.readers.thermal_spectra.test_thermal_files import tnd
from tests.measurements.calibration.test_calibrate import LEVER
from tests.measurements.rheometry.test_modulation import KNOWN, SPHERE, cells
from tests.measurements.test_replay import MODEL, same


def test_calibrations_from_curves(tmp_path):
    store.save(driven(stiff_curves(LEVER, curves=6, samples=400), virtual_scanner(1.3e-6)), tmp_path / "stiff.nc")
    scanner = calibrate.scanner(tmp_path / "stiff.nc", curves=6)
    same(scanner, 6)
    kept = store.save(calibrate.sensitivity([tmp_path / "stiff.nc"], window=(0.2, 0.8)), tmp_path / "s.nc")
    for made in (store.load(kept), calibrate.sensitivity(tmp_path / "stiff.nc", scanner=scanner)):
        same(made, 4)


def test_moduli_spectra_and_relaxations(tmp_path):
    curves = asperity.read(store.save(cells(3), tmp_path / "sines.nc"))
    moduli = modulus_spectrum(curves, SPHERE, instrument=KNOWN, contact_point=[0.0] * 3)
    same(moduli, 10)
    median = median_spectrum(moduli)
    same(median, 4)
    same(spectrum(median, draws=5), 10)
    table = tmp_path / "r.csv"
    time = np.geomspace(0.01, 10, 12)
    table.write_text("time (s), relaxation_modulus (Pa)\n" + "\n".join(f"{t},{1e3 + 2e3 * np.exp(-t)}" for t in time))
    same(relax(table, noise=0.01, draws=5), 5)


def test_curves_with_time(tmp_path):
    """A power law on approach and retraction, and a hold after the approach."""
    curves = virtual_map(rows=1, columns=2, samples=64)
    power = asperity.read(store.save(curves, tmp_path / "map.nc"))
    same(power_law(power, MODEL), 4)
    held = curves.sel(segment=["approach", "retract"]).copy(deep=True)
    approach, steps = held["time"].values[:, 0], 0.01 * np.arange(1, held.sizes["sample"] + 1)
    held["time"].values[:, 1] = approach[:, -1:] + steps
    for name in ("height", "force", "deflection"):
        if name in held:
            held[name].values[:, 1] = held[name].values[:, 0, -1:]
    held = held.assign_coords(segment=["approach", "pause"])
    same(holds(asperity.read(store.save(held, tmp_path / "hold.nc")), MODEL, draws=5), 4)


def test_the_choice_of_a_model(tmp_path):
    curves = virtual_map(rows=2, columns=2, samples=256, model=JKR(radius=5e-6, modulus=2e4, work_of_adhesion=1e-4))
    read = asperity.read(store.save(curves, tmp_path / "map.nc"))
    known = {"tolerance": {"work_of_adhesion": float("inf")}, "instrument": {"thickness": 1.0}}
    same(asperity.select(read, radius=5e-6, **known), 4)


def test_a_spectrum_of_thermal_noise(tmp_path):
    frequency = 10.0 * np.arange(1, 400)
    density = 1e-12 + 1e-10 / ((1 - (frequency / 2000) ** 2) ** 2 + (frequency / 2000 / 20) ** 2)
    path = tnd(tmp_path / "a.tnd", rows=[f"{f} {p} {p}" for f, p in zip(frequency, density)])
    same(calibrate.spring_constant(path, method="equipartition", sensitivity=20e-9, lever={"tilt": 0.17}), 6)


def test_images_and_tips(tmp_path):
    path = tmp_path / "image.spm"
    tiny_images.nanoscope(path)
    image = read_image(path)
    low = [-1e-9] * 3
    tip = {"kind": "tip", "file": "t.nc", "tip": {"pitch": tiny_images.PITCH, "height": [low, [-1e-9, 0, -1e-9], low]}}
    for how in ({}, {"level": None}, {"features": None, "level": 2}, {"lines": "median"}, {"lines": 1, "scars": False},
                {"tip": tip}, {"channel": "phase"}):
        made = correct.image(image, **how)
        same(store.load(store.save(made, tmp_path / "made.nc")), 3)
    same(read_image(path, pitch=2e-8), 3)
    same(calibrate.tip([path, path], size=3, noise_bound=1e-9), 4)
