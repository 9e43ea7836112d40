import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asperity.report.numbers import decimals_of, measurement, plain, prefix, spread

FACTORS = {
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "µ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
}
MEASURED = re.compile(r"(−?[\d.]+) (\w?)Pa ± ([\d.]+) \(noise\) ± ([\d.]+) \(calibration\)")


def number(text):
    return float(text.replace("−", "-"))


@pytest.mark.parametrize(
    ("value", "noise", "calibration", "text"),
    [
        (1234.0, 20.0, 150.0, "1.23 kPa ± 0.02 (noise) ± 0.15 (calibration)"),
        (1234.0, 150.0, 20.0, "1.23 kPa ± 0.15 (noise) ± 0.02 (calibration)"),
        (1234.0, 0.4, 150.0, "1.23 kPa ± 0.0004 (noise) ± 0.15 (calibration)"),
        (998.0, 20.0, 120.0, "1.00 kPa ± 0.02 (noise) ± 0.12 (calibration)"),
        (345e6, 3e6, 120e6, "340 MPa ± 3 (noise) ± 120 (calibration)"),
        (-50.0, 30.0, 4.0, "−50 Pa ± 30 (noise) ± 4 (calibration)"),
        (3.0, 2000.0, 100.0, "0.0 kPa ± 2.0 (noise) ± 0.1 (calibration)"),
        (1234.0, math.nan, 150.0, "1.23 kPa ± 0.15 (calibration)"),
        (1234.0, 0.0, math.nan, "1.23 kPa (uncertainty unknown)"),
        (math.nan, 1.0, 1.0, "no value"),
    ],
)
def test_a_measurement_ends_at_the_second_digit_of_its_uncertainty(value, noise, calibration, text):
    assert measurement(value, "Pa", [(noise, "noise"), (calibration, "calibration")]) == text


@given(value=st.floats(1e-3, 1e11), relative=st.floats(1e-5, 3.0), part=st.floats(1e-3, 1.0))
def test_rounding_loses_less_than_a_tenth_of_the_uncertainty(value, relative, part):
    largest = value * relative
    text = measurement(value, "Pa", [(largest, "noise"), (part * largest, "calibration")])
    shown, letter, noise, calibration = MEASURED.fullmatch(text).groups()
    factor = FACTORS[letter]
    assert abs(number(shown) * factor - value) <= 0.0501 * largest  # half of the second digit
    assert number(noise) * factor == pytest.approx(largest, rel=0.051)
    assert number(calibration) > 0
    assert number(calibration) * factor == pytest.approx(part * largest, rel=0.5, abs=0.0501 * largest)


@given(st.floats(1e-14, 1e13), st.sampled_from(["m", "Pa", "N", "J/m^2"]))
def test_prefixed_numbers_lie_between_one_and_a_thousand(magnitude, unit):
    factor, written = prefix(magnitude, unit)
    assert 1 - 1e-12 <= magnitude / factor < 1000 * (1 + 1e-12)
    assert FACTORS[written.removesuffix(unit.replace("^2", "²"))] == factor


def test_plain_numbers():
    assert plain(4.5e-2, "N/m") == "45.0 mN/m"
    assert plain(0.5) == "0.500"
    assert plain(math.radians(18), "rad") == "18.0°"
    assert plain(math.nan, "m") == "unknown"
    assert plain(0.0, "N") == "0 N"
    assert plain(2.4e-3, "J/m^2", 2) == "2.4 mJ/m²"
    assert decimals_of(0.0996) == 2
    assert decimals_of(99.6) == -1


def test_a_spread_is_written_in_one_unit():
    assert spread(951.0, 1523.0, "Pa") == "0.95 to 1.52 kPa"
    assert spread(-2.04e-9, 1.93e-9, "m") == "−2.0 to 1.9 nm"
    assert spread(5.0, 5.0, "Pa") == "5.00 to 5.00 Pa"
