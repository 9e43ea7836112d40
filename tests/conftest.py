"""Shared fixtures: the measured data where they are present, and 64-bit arithmetic."""

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """A file of the measured data set, or a skip that says what is missing."""
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"measured data '{name}' is not beside this checkout (../shared/data)")
    return path


@pytest.fixture
def x64():
    """Run the test in 64-bit arithmetic."""
    import jax

    with jax.enable_x64(True):
        yield
