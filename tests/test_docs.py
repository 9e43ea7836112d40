"""The code in pages of documents, run block after block as a reader would."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parent.parent / "docs"


def run(page):
    """What the names of a page are after its blocks."""
    names = {}
    for code in re.findall(r"```python\n(.*?)```", (PAGES / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, page, "exec"), names)  # our own documents
    return names


def test_the_blocks_of_linear_models():
    found = run("koopman")
    assert min(abs(found["told_rate"] - found["rate"])) < 1e-3
    assert abs(found["told"][:, :, 0]).max() < 1e-8 * 1.1


def test_the_blocks_of_control():
    """The plan approaches its target of 1 nm within its limits."""
    found = run("control")
    plan = found["plan"]
    assert plan.states[-1, 0] == pytest.approx(1e-9, rel=0.2)
    assert abs(plan.inputs).max() <= 1 + 1e-9


def test_the_blocks_of_surrogates():
    found = run("surrogates")
    exact = 4 / 3 * 0.2**1.5 * (1 - 0.15 * 0.2) * 1e6 * 100e-9**2
    assert float(found["newton"]) == pytest.approx(exact, rel=1e-5)
    assert float(found["slope"][0]) == pytest.approx(4 / 3 * (1.5 * 0.2**0.5 - 0.15 * 2.5 * 0.2**1.5), rel=1e-3)


def test_the_blocks_of_interpretation():
    law = run("interpretation")["law"]
    assert law.single
    assert [power.written for power in law.powers] == ["1", "1/2", "3/2"]
