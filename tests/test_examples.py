"""The examples run in their small variant, without a screen and without a warning, each in an empty folder.

As they are, in processes of their own, they run in `tests/verify/test_examples.py`.
"""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted(Path(__file__).resolve().parents[1].glob("examples/*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
    runpy.run_path(str(path), run_name="__main__")
    out, err = capsys.readouterr()
    assert len(out.splitlines()) > 3
    assert "nan" not in out.split()
    assert not err


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_has_a_small_variant(path):
    assert '"--quick" in sys.argv' in path.read_text(encoding="utf-8")
