"""How much memory a process has taken at most, by its own pages alone.

`resource.getrusage` also counts what the process that started it held at that moment, and what earlier tests took.
"""

import re
from pathlib import Path

import pytest

__all__ = ["forget_peak", "peak", "resident"]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _read(field):
    if not _STATUS.exists():
        pytest.skip("needs /proc/self/status: the memory of a process is read there")
    return 1024 * int(re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)[1])


def forget_peak():
    """Let `peak` begin at what is held now."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def resident():
    """Bytes held now."""
    return _read("VmRSS")


def peak():
    """Bytes held at most since the start of the process or `forget_peak`."""
    return _read("VmHWM")
