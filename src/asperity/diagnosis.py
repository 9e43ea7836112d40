"""Is this installation able to compute right numbers? Versions, devices, precision, known defects.

Two releases of jax gave wrong numbers or crashed on the CPU (jax-ml/jax#39103 and #39257), in the
very patterns that a map of chi-squares needs. Both are run here, and in the test suite.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

__all__ = ["doctor", "in_words", "matrix_vector_error", "rank_eight_error", "survives", "wrong_numbers"]

_PACKAGES = ("asperity", "jax", "jaxlib", "equinox", "numpy", "scipy", "xarray", "h5netcdf", "h5py", "zarr",
             "bokeh", "typer", "rich")


def package_versions() -> dict[str, str]:
    """Name -> version of the packages that a result depends on (``"missing"`` where not installed)."""
    return {name: _version(name) for name in _PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def wrong_numbers(jax_version: str) -> bool:
    """Whether this release of jax is known to give wrong numbers or to crash on the CPU."""
    return jax_version == "0.10.2" or jax_version.startswith("0.11.")


def matrix_vector_error(rows: int = 16_385, columns: int = 3) -> float:
    r"""Largest relative error of $\sum_j (M r_i)_j^2$ over all rows i, compiled with jit(vmap), float64.

    Compared with NumPy. The last row is wrong by 0.2 % in jax 0.10.2 (jax-ml/jax#39103); the right
    answer is below 1e-14.
    """
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        vectors = np.zeros((rows, columns))
        vectors[:, 0] = np.arange(rows)
        matrix = jnp.eye(columns)
        squared = jax.jit(jax.vmap(lambda vector: jnp.sum((matrix @ vector) ** 2)))(jnp.asarray(vectors))
        expected = np.sum(vectors**2, axis=1)
        return float(np.max(np.abs(np.asarray(squared) - expected) / np.maximum(expected, 1.0)))


def rank_eight_error() -> float:
    """Largest error of a rank-3 times rank-8 product reduced over one axis (float32, exact answer 6).

    jax 0.10.2 and 0.11.0 crash or hang in it (jax-ml/jax#39257): run it through `survives`.
    """
    import jax
    import jax.numpy as jnp

    def reduce(left: jax.Array, right: jax.Array) -> jax.Array:
        return jnp.log(jnp.sum(left[..., None, None, None, None, None] * right, axis=2))

    left, right = (10, 4, 6), (10, 4, 6, 9, 9, 9, 9, 9)
    result = jax.jit(reduce)(jnp.ones(left, jnp.float32), jnp.ones(right, jnp.float32))
    return float(np.max(np.abs(np.exp(np.asarray(result)) - 6.0)))


def survives(statement: str, seconds: float = 120.0) -> tuple[bool, str]:
    """Run one Python statement in a process of its own; (True, its output) or (False, how it died)."""
    try:
        done = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True,
                              timeout=seconds)
    except subprocess.TimeoutExpired:
        return False, f"no answer within {seconds:g} s"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return False, f"exit code {done.returncode} ({last})"
    return True, done.stdout.strip()


def _check_precision() -> tuple[bool, str]:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        step = float(jax.jit(lambda one: (one + 2.0**-50) - one)(jnp.asarray(1.0)))
    return step == 2.0**-50, f"1 + 2^-50 - 1 = {step:g} (float64 gives {2.0**-50:g})"


def _check_matrix_vector() -> tuple[bool, str]:
    error = matrix_vector_error()
    return error < 1e-12, f"largest relative error {error:.2g}"


def _check_rank_eight() -> tuple[bool, str]:
    alive, answer = survives("from asperity.diagnosis import rank_eight_error; print(rank_eight_error())")
    if not alive:
        return False, answer
    return float(answer) < 1e-4, f"largest error {float(answer):.2g}"


_CHECKS = (
    ("64-bit arithmetic", _check_precision),
    ("matrix-vector product and sum, compiled (jax-ml/jax#39103)", _check_matrix_vector),
    ("rank-8 product and sum, compiled (jax-ml/jax#39257)", _check_rank_eight),
)


def _run_check(name: str, check: Any) -> dict[str, Any]:
    try:
        passed, detail = check()
    except Exception as error:  # a doctor reports, it does not fall ill
        passed, detail = False, f"{type(error).__name__}: {error}"
    return {"name": name, "passed": passed, "detail": detail}


def _devices() -> list[str]:
    import jax

    return [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]


def doctor() -> dict[str, Any]:
    """Examine the installation.

    Returns:
        ``python``, ``platform``, ``packages`` (name -> version), ``devices`` (list), ``checks`` (list of
        ``name``, ``passed``, ``detail``), ``healthy`` (all passed) and ``verdict`` (one sentence).
    """
    checks = [_run_check(name, check) for name, check in _CHECKS]
    failed = [check["name"] for check in checks if not check["passed"]]
    verdict = ("Healthy: the numbers of this installation can be trusted." if not failed else
               f"Do NOT trust results of this installation; failed: {'; '.join(failed)}. "
               "Install jax 0.10.1 (Python 3.11) or 0.12 (Python 3.12 and newer).")
    return {"python": platform.python_version(), "platform": platform.platform(),
            "packages": package_versions(), "devices": _devices(), "checks": checks,
            "healthy": not failed, "verdict": verdict}


def in_words(found: dict[str, Any]) -> str:
    """The findings of `doctor` as lines of text, the verdict last."""
    packages = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    checks = [f"{'ok    ' if check['passed'] else 'FAILED'}  {check['name']}: {check['detail']}"
              for check in found["checks"]]
    return "\n".join([f"Python {found['python']} on {found['platform']}", packages,
                      f"devices: {', '.join(found['devices'])}", *checks, found["verdict"]])
