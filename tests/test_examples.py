"""Examples run in their small variant, without a screen and without a warning, each in an empty folder.

As they are, in processes of their own, all of them run in `tests/verify/test_examples.py`.
"""

import ast
import importlib
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted(Path(__file__).resolve().parents[1].glob("examples/*.py"))
#: more than 4 s of processor time in their small variant, nearly all of it compiling: these are run by make verify
LONG = {"bistability", "boundary", "calibration", "calibration_fault", "closed_loop_approach", "denoising",
        "distances_and_angles", "force_law", "force_recovered", "leveling", "master_curve", "microrheology",
        "pull_off_force", "relaxing_cell", "structural_damping_cell", "surrogate", "tip", "which_experiment",
        "whole_chain"}


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.stem not in LONG], ids=lambda path: path.stem)
def test_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
    runpy.run_path(str(path), run_name="__main__")
    out = capsys.readouterr().out
    assert len(out.splitlines()) > 3
    assert "nan" not in out.split()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_an_example_takes_from_the_library_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert '"--quick" in sys.argv' in text  # its small variant can be asked for
    taken = [(node.module, alias.name) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)
             for alias in node.names if (node.module or "").split(".")[0] == "asperity"]
    assert taken
    for module, name in taken:
        assert hasattr(importlib.import_module(module), name) or importlib.import_module(f"{module}.{name}")
