"""Contact models against tables: to 1e-10, or to the digits printed where fewer are."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from asperity.contact import jkr, maugis, sphere

FOLDER = Path(__file__).parent


def table(name):
    return list(csv.DictReader((FOLDER / name).read_text().splitlines()))


SPHERE, PRINTED = table("sneddon_sphere.csv"), table("maugis_dugdale.csv")
EXACT = json.loads((FOLDER / "maugis_dugdale_exact.json").read_text())
pytestmark = pytest.mark.usefixtures("x64")

_load = jax.jit(maugis.load)
_points = {"pull_off": jax.jit(maugis.pull_off), "jump_off": jax.jit(maugis.jump_off)}


def printed_tolerance(text, digits=10):
    """Half a unit of the tenth digit (of the last one where an exponent shows that fewer are given)."""
    number = Decimal(text)
    shown = len(number.as_tuple().digits) if "e" in text else digits
    return 0.51 * 10.0 ** (number.adjusted() - shown + 1)


@pytest.mark.parametrize("row", SPHERE, ids=lambda row: row["displacement"])
def test_exact_sphere(row):
    value = sphere.load(jnp.asarray(float(row["displacement"])))
    assert abs(float(value) - float(row["load"])) <= 1e-12  # the table cuts, not rounds


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: row["maugis_parameter"])
def test_maugis_dugdale_agrees_with_every_printed_digit(row):
    parameter = jnp.asarray(float(row["maugis_parameter"]))
    ours = {}
    for point, function in _points.items():
        values = (float(value) for value in function(parameter))
        ours |= dict(zip((f"radius_at_{point}", f"load_at_{point}", f"displacement_at_{point}"), values))
    ours["load_at_zero_displacement"] = float(_load(jnp.asarray(0.0), parameter))
    for column, value in ours.items():
        if row[column] == "hovering":
            assert value == 0, column
        else:
            assert abs(value - float(row[column])) <= printed_tolerance(row[column]), column


@pytest.mark.parametrize("row", EXACT, ids=lambda row: row["maugis_parameter"])
def test_maugis_dugdale_solves_maugis_equations(row):
    """Against A, P, D of an independent 40-digit solution (make_maugis_dugdale.py), to 1e-10 and better."""
    parameter = jnp.asarray(float(row["maugis_parameter"]))
    for point, function in _points.items():
        if point in row:
            radius, load, displacement = (float(value) for value in function(parameter))
            assert radius == pytest.approx(float(row[point]["A"]), rel=1e-10)
            assert load == pytest.approx(float(row[point]["P"]), rel=1e-13)
            assert displacement == pytest.approx(float(row[point]["D"]), rel=1e-13)
    for point in ("zero_load", "zero_displacement"):
        load = _load(jnp.asarray(float(row[point]["D"])), parameter)
        assert float(load) == pytest.approx(float(row[point]["P"]), abs=3e-15)


@pytest.mark.parametrize(("parameter", "displacement", "load"),
                         [(0.5, -0.9145327526, -1.477988064), (0.1, -0.4693501945, -1.946419327)])
def test_touch_point(parameter, displacement, load):
    _, ours_load, ours_displacement = maugis.touch(jnp.asarray(parameter))
    assert abs(float(ours_load) - load) <= 0.51e-9
    assert abs(float(ours_displacement) - displacement) <= 0.51e-10


@pytest.mark.parametrize(("displacement", "radius", "load"), [
    (-0.4367902324, 1.144714243, -1.5), (0.0, 1.386723, -1.333333), (1.100642, 1.817121, 0.0),
    (jkr.FOLD_DISPLACEMENT, 0.550321208, -0.8333333333)], ids=["pull-off", "D=0", "P=0", "fold"])
def test_jkr(displacement, radius, load):
    """The printed digits: six decimals, of D too, whose slope is at most 1.6."""
    assert float(jkr.contact_radius(jnp.asarray(displacement))) == pytest.approx(radius, abs=1.4e-6)
    assert float(jkr.load(jnp.asarray(displacement))) == pytest.approx(load, abs=1.4e-6)
