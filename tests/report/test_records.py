"""The history as rows of text."""

import json

import pytest
import xarray as xr

from asperity.report.records import history


@pytest.mark.parametrize(("name", "value", "said"), [
    ("radius", 1e-8, "10.0 nm"), ("spring_constant", 40.0, "40.0 N/m"), ("resonance_frequency", 3e5, "300 kHz"),
    ("free_amplitude", 2.0123456e-8, "2.0123456e-08 m"), ("quality", 200.0, "200.0"), ("poisson_ratio", 0.3, "0.3"),
    ("spring_constant_std", 0.1, "0.1"), ("points", 31, "31"), ("height", None, "")])
def test_a_number_has_the_unit_of_its_name(name, value, said):
    step = {"verb": "v", "arguments": {name: value, "lever": {name: value}}}
    (found,) = history(xr.Dataset(attrs={"history": json.dumps([step])}))
    assert found.arguments == [(name, said), ("lever", f"{name} {said}")]
