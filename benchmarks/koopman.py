"""Koopman models of a million samples of four states with 70 functions: asperity and others, time and memory.

``python -m benchmarks.koopman [PYTHON ...]`` prints the table. Each runs in a process of its own, under the first
of the interpreters named that has it (this one else): their requirements exclude each other. PyKoopman imports
torch and lightning for its neural networks, of which its EDMD uses nothing: that module is left out.

``python -m benchmarks.koopman large FOLDER SAMPLES`` writes a record into zarr there, 32 bytes a sample, or, where
there is one, takes its sums.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["OTHERS", "alone", "large", "main", "record", "write_record"]

_EPISODE = 10_000  # samples
_TOGETHER = 100  # episodes made at once, one chunk
_DEGREE = 4  # 70 products of four states
_FUNCTIONS = 70
_SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def record(lanes: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Episodes of two coupled oscillators, one of them with a soft cubic spring, pushed at random; (sample, 4)."""
    slow, fast = np.exp(-0.002 + 0.1j), np.exp(-0.002 + 0.23j)
    a, b = rng.normal(size=(2, lanes)) + 1j * rng.normal(size=(2, lanes))
    made = np.empty((lanes, length, 4))
    for i in range(length):
        made[:, i] = np.stack([a.real, a.imag, b.real, b.imag], axis=1)
        spring = a.real**3 / (1 + a.real**2)
        a, b = slow * a + 0.01j * b.real - 0.005j * spring, fast * b + 0.01j * a.real
        a, b = a + 0.02 * rng.normal(size=lanes), b + 0.02 * rng.normal(size=lanes)
    return made.reshape(-1, 4)


def _asperity(states: np.ndarray) -> Any:
    from asperity.dynamics.dictionaries import Polynomials
    from asperity.dynamics.koopman import fit, scaling_of, sums_of_record

    scaling = scaling_of(states)
    return fit(Polynomials(_DEGREE), scaling, sums_of_record(Polynomials(_DEGREE), scaling, states)).matrix


def _asperity_pairs(states: np.ndarray) -> Any:
    from asperity.dynamics.dictionaries import Polynomials
    from asperity.dynamics.koopman import fit, scaling_of, sums_of

    scaling = scaling_of(states)
    return fit(Polynomials(_DEGREE), scaling, sums_of(Polynomials(_DEGREE), scaling, states[:-1], states[1:])).matrix


def _pykoopman(states: np.ndarray) -> Any:
    import pykoopman

    model = pykoopman.Koopman(pykoopman.observables.Polynomial(degree=_DEGREE), pykoopman.regression.EDMD())
    model.fit(states[:-1], states[1:])
    return model.A


def _deeptime(states: np.ndarray) -> Any:
    from deeptime.basis import Monomials
    from deeptime.decomposition import EDMD

    return EDMD(Monomials(_DEGREE, 4)).fit((states[:-1], states[1:])).fetch_model().operator


def _pykoop(states: np.ndarray) -> Any:
    import pykoop

    lifting = [("polynomials", pykoop.PolynomialLiftingFn(order=_DEGREE))]
    model = pykoop.KoopmanPipeline(lifting, pykoop.Edmd()).fit(states, n_inputs=0, episode_feature=False)
    return model.regressor_.coef_


def _kooplearn(states: np.ndarray) -> Any:
    from kooplearn.linear_model import Ridge
    from sklearn.preprocessing import PolynomialFeatures

    lifted = PolynomialFeatures(_DEGREE).fit_transform(states)
    Ridge(n_components=_FUNCTIONS, alpha=1e-12, eigen_solver="dense").fit(lifted)


def _lstsq(states: np.ndarray) -> Any:
    from sklearn.preprocessing import PolynomialFeatures

    lifted = PolynomialFeatures(_DEGREE).fit_transform(states)
    return np.linalg.lstsq(lifted[:-1], lifted[1:], rcond=None)[0]


_CANDIDATES: dict[str, Callable[[np.ndarray], Any]] = {
    "asperity": _asperity, "asperity, pairs": _asperity_pairs, "pykoopman": _pykoopman, "deeptime": _deeptime,
    "pykoop": _pykoop, "kooplearn": _kooplearn, "numpy lstsq": _lstsq}
#: PyDMD has no dictionaries: its EDMD is that of a kernel, with a matrix of samples by samples
OTHERS = [name for name in _CANDIDATES if not name.startswith("asperity")]


def _memory(field: str) -> int:
    """Bytes of this process: VmRSS held now, VmHWM at most."""
    return 1024 * int(re.findall(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)[0])


def alone(name: str, samples: int) -> dict[str, float]:
    """CPU seconds of one fit, memory beyond the data (bytes) and the trace of K, the same in any basis."""
    if name == "pykoopman":
        sys.modules["pykoopman.regression._nndmd"] = SimpleNamespace(NNDMD=type("NNDMD", (), {}))  # alone wants torch
    states = record(100, samples // 100, np.random.default_rng(0))
    work = _CANDIDATES[name]
    work(states[:3000])  # what is imported or compiled once
    Path("/proc/self/clear_refs").write_text("5")
    before, start = _memory("VmRSS"), time.process_time()
    matrix = work(states)
    spent = time.process_time() - start
    trace = float("nan") if matrix is None else float(np.real(np.trace(np.asarray(matrix)[-_FUNCTIONS:, -_FUNCTIONS:])))
    return {"cpu": spent, "extra": _memory("VmHWM") - before, "trace": trace}


def _found(name: str, pythons: list[str], samples: int) -> dict[str, float] | str:
    """The numbers of one candidate under the first interpreter that has it, or why there are none."""
    why = "not installed"
    for python in pythons:
        done = subprocess.run([python, "-W", "ignore", "-m", "benchmarks.koopman", "alone", name, str(samples)],
                              capture_output=True, text=True, env=os.environ | _SINGLE)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        why = (done.stderr.strip().splitlines() or ["ended"])[-1]
    return why


def write_record(path: Path, samples: int) -> None:
    """Into zarr, in chunks of 10^6 samples."""
    import zarr

    together = _EPISODE * _TOGETHER
    stored = zarr.create_array(path, shape=(samples, 4), chunks=(together, 4), dtype="float64")
    rng = np.random.default_rng(0)
    for begin in range(0, samples, together):
        stored[begin : begin + together] = record(min(_TOGETHER, (samples - begin) // _EPISODE), _EPISODE, rng)


def large(path: Path) -> dict[str, float]:
    """CPU and wall seconds of scaling, sums and eigenvalues of a record in zarr; the most memory, bytes."""
    import zarr

    from asperity.dynamics.dictionaries import Polynomials
    from asperity.dynamics.koopman import eigenpairs, fit, scaling_of, sums_of_record

    stored, dictionary = zarr.open_array(path, mode="r"), Polynomials(_DEGREE)
    start = time.process_time(), time.perf_counter()
    scaling = scaling_of(stored)
    sums = sums_of_record(dictionary, scaling, stored, starts=range(0, stored.shape[0], _EPISODE))
    eigenpairs(fit(dictionary, scaling, sums))
    return {"pairs": sums.samples, "cpu": time.process_time() - start[0], "wall": time.perf_counter() - start[1],
            "peak": _memory("VmHWM")}


def main(pythons: list[str], samples: int = 1_000_000) -> None:
    """The table: every candidate, and how many times asperity's time and memory it takes."""
    print(f"{samples} samples of 4 states, {_FUNCTIONS} functions, one thread\n\n| program | CPU s | ratio | "
          "MB beyond the data | trace of K |\n|---|---|---|---|---|")
    own: float | None = None
    for name in _CANDIDATES:
        one = _found(name, pythons, samples)
        if isinstance(one, str):
            print(f"| {name} | not run: {one} | | | |", flush=True)
            continue
        own = own or one["cpu"]
        print(f"| {name} | {one['cpu']:.2f} | {one['cpu'] / own:.1f} | {one['extra'] / 1e6:.0f} | {one['trace']:.6f} |",
              flush=True)


if __name__ == "__main__":
    what = sys.argv[1:2]
    if what == ["alone"]:
        print(json.dumps(alone(sys.argv[2], int(sys.argv[3]))))
    elif what == ["large"]:
        place = Path(sys.argv[2]) / "record.zarr"
        if place.exists():
            print(json.dumps(large(place)))
        else:
            write_record(place, int(float(sys.argv[3])))
    else:
        main([sys.executable, *sys.argv[1:]])
