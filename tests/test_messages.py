"""Messages for people: one base class, one line, and what an argument may be."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import asperity
from asperity.messages import ArgumentError, AsperityError, known_keys, number, one_of, shown, whole

#: errors that never leave the readers: what is wrong with a header becomes a `CorruptFile` that names the file
INSIDE = {"HeaderError", "LackingScale", "UnknownHeader"}


def own_errors():
    for module in pkgutil.walk_packages(asperity.__path__, "asperity."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(found, Exception) and found.__module__ == module.name and found.__name__[0] != "_":
                yield found


def test_every_error_of_asperity_is_a_message_for_people():
    found = list(own_errors())
    assert len(found) >= 15
    assert not {error.__name__ for error in found if not issubclass(error, AsperityError)} - INSIDE


@pytest.mark.parametrize(("call", "says"), [
    (lambda: number("noise", -1, above=0), r"noise = -1: must be a number above 0"),
    (lambda: number("noise", 0, above=0), "noise = 0"),
    (lambda: number("tilt", 2, least=0, most=1.5, unit="rad"), "tilt = 2: must be a number in rad at least 0 and"),
    (lambda: number("tilt", "text"), "tilt = 'text': must be a number"),
    (lambda: number("tilt", float("nan"), least=0), "tilt = nan"),
    (lambda: number("tilt", None), "tilt = None"),
    (lambda: number("tilt", True), "tilt = True"),
    (lambda: number("tilt", np.ones(2)), "tilt = an array"),
    (lambda: whole("batch", 0), "batch = 0: must be a whole number, at least 1"),
    (lambda: whole("batch", 2.5), "batch = 2.5"),
    (lambda: whole("batch", True), "batch = True"),
    (lambda: one_of("fluid", "oil", ("air", "water")), "fluid = 'oil' is not known; known: air, water"),
    (lambda: one_of("fluid", 5, ("air", "water")), "fluid = 5 is not known; known: air, water"),
    (lambda: known_keys("lever", {"depth": 1}, ("width", "length")), "lever has no depth; known: width, length"),
    (lambda: known_keys("lever", 5, ("width", "length")), "lever = 5: must be a dictionary with any of width, length"),
])
def test_a_wrong_argument_says_what_it_must_be(call, says):
    with pytest.raises(ArgumentError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_right_arguments_come_back():
    assert number("noise", np.float64(0.5), above=0) == 0.5
    assert number("thickness", np.inf, above=0) == np.inf
    assert (whole("batch", np.int64(3)), one_of("fluid", np.str_("air"), ("air",))) == (3, "air")
    assert (known_keys("lever", {"width": 1.0}, ("width",)), known_keys("lever", None, ())) == ({"width": 1.0}, {})


def test_a_wrong_value_is_repeated_in_one_short_line():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 10_000)) < 80
    assert shown(object()) == "an object"
    assert shown(np.zeros((500, 500))) == "an array"
