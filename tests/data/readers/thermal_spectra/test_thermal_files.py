"""Readers of thermal spectra: files built here, measured ones, and damage."""

from contextlib import suppress

import numpy as np
import pytest

from asperity.data.readers._errors import CorruptFile, NotRecognized, ReadError, Unsupported
from asperity.data.readers.thermal_spectra import open_spectrum
from tests.conftest import shared_data

TND = "force/thermal/PFQNM-H2O-thermal-noise-data_vDeflection_2022.01.12-11.37.51.tnd"
HEADER = """# thermal noise data
# sensitivity: 20.5 nm/V
# spring constant: 1.25 N/m
# fit parameter:
# parameter.f: 2.5 MHz
# parameter.noise: 4.5×10⁻¹⁰ V²/Hz
# settings.temperature: 25.0 ℃
# settings.environment viscosity: 890.0 µPa·s
# cantilever.width: odd
# cantilever.angle: 10° + 2.5 °
# Channels: 'Frequency' 'Vertical Deflection' 'average'
# Units: 'Hz' 'V²/Hz' 'V²/Hz'

"""
ROWS = [f"{12.5 * i} {1e-9 * (i + 1)} {2e-9}" for i in range(40)]


def tnd(path, header=HEADER, rows=ROWS):
    path.write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def nid(path, unit="m/sqrt(Hz)", group="Spectrum FFT", values=None):
    """A file with one channel of 32 amplitudes from 0 to the full range of 4e-12."""
    steps = np.linspace(-(2**31), 2**31 - 1, 32).astype("<i4") if values is None else values
    text = ["[DataSet]", "GroupCount=1", f"Gr0-Name={group}", "Gr0-Count=1", "Gr0-Ch0=A", "[DataSet-Info]",
            "Q Factor:=442 ", "Frequency:=179.8kHz", "Averages=1000", "Cantilever temperature=40 °C", "[A]",
            "Points=32", "Lines=1", "Dim0Name=Frequency", "Dim0Unit=Hz", "Dim0Range=3100", "Dim0Min=0",
            "Dim2Name=Amplitude Spectral Density", f"Dim2Unit={unit}", "Dim2Range=4e-12", "Dim2Min=0",
            "SaveMode=Binary", "SaveBits=32", "SaveSign=Signed", "SaveOrder=Intel", ""]
    path.write_bytes("\n".join(text).encode() + b"#!" + steps.tobytes())
    return path


def test_a_tnd_file_is_read_in_si(tmp_path):
    spectrum = open_spectrum(tnd(tmp_path / "a.tnd"))
    assert spectrum.power.attrs["units"] == "V^2/Hz"
    np.testing.assert_allclose(spectrum.frequency, 12.5 * np.arange(40))
    np.testing.assert_allclose(spectrum.power, 1e-9 * np.arange(1, 41))
    np.testing.assert_allclose(spectrum.power_smooth, 2e-9)
    expected = {"sensitivity": 20.5e-9, "spring_constant": 1.25, "resonance": 2.5e6, "noise": 4.5e-10,
                "temperature": 298.15, "viscosity": 890e-6, "tilt": np.radians(12.5)}
    assert {name: spectrum.attrs[name] for name in expected} == pytest.approx(expected)
    assert "width" not in spectrum.attrs


def test_a_nid_file_is_squared_into_a_power(tmp_path):
    spectrum = open_spectrum(nid(tmp_path / "a.nid"))
    np.testing.assert_allclose(spectrum.frequency, 100 * np.arange(32))
    np.testing.assert_allclose(spectrum.power, (4e-12 * np.arange(32) / 31) ** 2, atol=1e-32)
    assert spectrum.power.attrs["units"] == "m^2/Hz"
    assert spectrum.attrs["resonance"] == pytest.approx(179.8e3)
    assert (spectrum.attrs["quality"], spectrum.attrs["averages"]) == (442, 1000)
    assert spectrum.attrs["temperature"] == pytest.approx(313.15)


@pytest.mark.parametrize(("change", "error"), [
    (lambda p: tnd(p, rows=[*ROWS[:20], "1 2", *ROWS[20:]]), CorruptFile),
    (lambda p: tnd(p, rows=[*ROWS[:20], "250 x 1", *ROWS[20:]]), CorruptFile),
    (lambda p: tnd(p, rows=ROWS[:3]), CorruptFile), (lambda p: tnd(p, rows=ROWS[::-1]), CorruptFile),
    (lambda p: tnd(p, rows=[row.replace("e-09", "e-09").replace(" ", " -", 1) for row in ROWS]), CorruptFile),
    (lambda p: tnd(p, header=HEADER.replace("'Hz'", "'s'")), CorruptFile),
    (lambda p: tnd(p, header=HEADER.replace("'V²/Hz'", "'A'")), Unsupported),
    (lambda p: tnd(p, header=HEADER.replace("'Vertical Deflection'", "'fit-data'")), Unsupported),
    (lambda p: nid(p, unit="rad"), Unsupported), (lambda p: nid(p, group="Scan"), NotRecognized),
    (lambda p: nid(p, values=np.zeros(30, "<i4")), CorruptFile),
    (lambda p: p.write_bytes(b"something else") and p, NotRecognized),
    (lambda p: p, ReadError)])
def test_damage_is_named(tmp_path, change, error):
    path = tmp_path / "x.dat"
    change(path)
    with pytest.raises(error, match=r"x\.dat"):
        open_spectrum(path)


def test_every_cut_of_a_file_is_read_or_named(tmp_path):
    content = tnd(tmp_path / "a.tnd").read_bytes()
    for stop in range(0, len(content), 37):
        (tmp_path / "b.tnd").write_bytes(content[:stop])
        with suppress(ReadError):
            open_spectrum(tmp_path / "b.tnd")


def test_the_measured_jpk_spectrum():
    spectrum = open_spectrum(shared_data(TND))
    a = spectrum.attrs
    assert len(spectrum.frequency) == 31131
    assert (a["spring_constant"], a["sensitivity"]) == (pytest.approx(45.8785e-3), pytest.approx(11.0399e-9))
    f = spectrum.frequency.values
    model = (a["amplitude_density"] ** 2 * a["resonance"] ** 4
             / ((f**2 - a["resonance"] ** 2) ** 2 + (f * a["resonance"] / a["quality"]) ** 2) + a["noise"])
    np.testing.assert_allclose(spectrum.power_fit, model, rtol=1e-3)  # the header is rounded to 4 digits


def test_the_measured_nanosurf_spectrum():
    spectrum = open_spectrum(shared_data("force/thermal/thermal.nid"))
    assert len(spectrum.frequency) == 8369
    assert spectrum.attrs["spring_constant"] == pytest.approx(27.13)
    assert float(spectrum.frequency[-1]) == pytest.approx(319214)
    peak = float(spectrum.power_fit.max()) ** 0.5
    assert peak == pytest.approx(772e-15, rel=0.02)  # 'Peak Value' of its header, on the grid of 38 Hz
