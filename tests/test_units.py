"""What a person types on the command line, in SI."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asperity.units import in_words, parse, parse_range


@pytest.mark.parametrize(("text", "unit", "value"), [
    ("5um", "m", 5e-6), ("10 nm", "m", 1e-8), ("5µm", "m", 5e-6), ("5μm", "m", 5e-6), ("3 Å", "m", 3e-10),
    ("1e-6m", "m", 1e-6), ("0", "m", 0.0), (" .5 mm ", "m", 5e-4), ("0.03 N/m", "N/m", 0.03), ("30mN/m", "N/m", 0.03),
    ("30 pN/nm", "N/m", 0.03), ("40nm/V", "m/V", 4e-8), ("20deg", "rad", math.radians(20)),
    ("20°", "rad", 20 * math.pi / 180), ("0.35rad", "rad", 0.35),
    ("10%", "1", 0.1), ("0.1", "1", 0.1), ("1.5kPa", "Pa", 1500.0), ("2GPa", "Pa", 2e9), ("298K", "K", 298.0),
    ("-3nN", "N", -3e-9), ("1MN", "N", 1e6), ("1mN", "N", 1e-3),
])
def test_reads(text, unit, value):
    assert parse(text, unit) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(("text", "unit", "expected"), [
    ("5 apples", "m", "5um or 10nm"), ("5N", "m", "5um"), ("", "m", "5um"), ("five um", "m", "5um"),
    ("5um", "N/m", "30mN/m"), ("20 grad", "rad", "20deg"), ("1 2", "m", "5um"), ("5 M m", "m", "5um"),
    ("nan", "m", "5um"), ("1e999um", "m", "5um"), ("25 C", "K", "298K"), ("5kdeg", "rad", "20deg"), ("1m%", "1", "10%"),
])
def test_wrong_units_say_what_is_expected(text, unit, expected):
    with pytest.raises(ValueError, match=f"expected for example .*{expected}"):
        parse(text, unit)


@pytest.mark.parametrize(("text", "unit", "meant"), [
    ("5", "m", "5um or 5nm"), ("1e-6", "m", "1e-6um or 1e-6nm"), ("0.04", "N/m", "0.04N/m or 0.04mN/m"),
    ("20", "rad", "20deg or 20rad"), ("40", "m/V", "40nm/V"), ("298", "K", "298K"), ("-5", "m", "-5um or -5nm")])
def test_a_number_without_its_unit_is_asked_for_it(text, unit, meant):
    """5 was read as 5 m, and 20 as radians."""
    with pytest.raises(ValueError, match=rf"'{text}' lacks its unit: {meant}\?"):
        parse(text, unit)


@given(value=st.floats(1e-14, 9e9), unit=st.sampled_from(["m", "N", "Pa", "N/m", "m/V"]))
def test_what_it_writes_it_reads(value, unit):
    assert parse(in_words(value, unit), unit) == pytest.approx(value, rel=0.006)
    number = float(in_words(value, unit).split()[0])
    assert 1 <= number < 1000 or value > 1e12


@pytest.mark.parametrize(("text", "ends"), [
    ("1kPa..20kPa", (1e3, 2e4)), ("1..20 kPa", (1e3, 2e4)), ("2MPa", (2e6, 2e6)), ("500Pa .. 0.1MPa", (500, 1e5))])
def test_a_range_is_read_with_the_unit_of_its_end(text, ends):
    assert parse_range(text, "Pa") == pytest.approx(ends, rel=1e-14)


@pytest.mark.parametrize(("text", "why"), [("20kPa..1kPa", "larger end first"), ("1..20", "lacks its unit"),
                                           ("1kPa..", "not a number"), ("1kPa..2kPa..3kPa", "where a multiple of Pa"),
                                           ("1nm..2kPa", "multiple of Pa")])
def test_a_wrong_range_is_named(text, why):
    with pytest.raises(ValueError, match=why):
        parse_range(text, "Pa")
