"""The code of the pages about Koopman models runs, and gives the numbers that they say."""

import re
from pathlib import Path

import numpy as np

DOCS = Path(__file__).resolve().parents[3] / "docs"


def blocks(page):
    """The Python code of a page, without that of other programs."""
    code = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return [one for one in code if "pykoopman" not in one and "pydmd" not in one]


def run(page, names):
    """What the blocks of a page leave behind, one after the other."""
    for one in blocks(page):
        exec(compile(one, page, "exec"), names)
        yield names


def test_coming_from_pykoopman(capsys):
    """The residuals of the slow manifold, the lever in SI units, the tapping tip."""
    assert len(blocks("coming_from_pykoopman.md")) == 6
    page = run("coming_from_pykoopman.md", {})
    _, manifold = next(page), dict(next(page))
    np.testing.assert_allclose(np.sort(manifold["found"].value[:4].real), [0.5, 0.81, 0.9, 1], atol=1e-12)
    assert manifold["found"].residual[3] < 1e-13
    assert manifold["found"].residual[4] > 0.09
    _, lever = next(page), dict(next(page))
    assert (lever["off"] < 1e-20).all()
    assert np.abs(lever["lever"] - (-0.01 + 0.99995j)).min() < 1e-6
    *_, tip = page
    nrmse = tip["nrmse"]
    for name, relift, said in (("linear", False, 0.070), ("harmonics", False, 0.016), ("harmonics", True, 0.016),
                               ("splines", False, 0.069), ("splines", True, 0.0019)):
        assert abs(nrmse[name, relift] / said - 1) < 0.1, (name, relift)
    assert "0.247164   1e-01" in capsys.readouterr().out


def test_koopman():
    """The first example of the page."""
    n = np.arange(300)
    episodes = [np.stack([size * 0.99**n * np.cos(0.3 * n), size * 0.99**n * np.sin(0.3 * n)], axis=1)
                for size in (0.5, 0.8, 1.0, 1.2, 1.5, 2.0)]
    *_, names = run("koopman.md", {"episodes": episodes, "step": 1e-6, "np": np})
    assert names["told"].shape == (100, 10, 2)
