"""``python -m benchmarks``: the table of ratios. NumPy and JAX are imported only after the core is chosen."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.machine import load, one_core

_PACKAGES = ("asperity", "jax", "numpy", "scipy", "lmfit", "afmformats", "nanite", "pyfmreader", "pyfmrheo",
             "tinygp", "gpjax", "scikit-learn", "gpytorch", "pymoo")
_MACE = Path(".venv-mace/bin/python")
_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="asperity against others")
    parser.add_argument("--quick", action="store_true", help="small variants, less than two minutes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write all numbers there")
    parser.add_argument("--only", nargs="+", choices=list(_parts(True, _DATA, _MACE)), help="some parts alone")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the measured data (%(default)s)")
    parser.add_argument("--mace", type=Path, default=_MACE, metavar="PYTHON",
                        help="of an environment with mace-torch (%(default)s)")
    return parser.parse_args()


def _parts(quick: bool, data: Path, mace: Path) -> dict[str, Callable[[], list]]:
    """Name -> what to run; the modules are imported when run."""

    def hertz():
        from benchmarks.fits import fit_hertz
        return fit_hertz(1024, 50, 10, 3) if quick else fit_hertz(4096, 200, 40, 7)

    def jkr():
        from benchmarks.fits import fit_jkr
        return fit_jkr(512, 20, 3) if quick else fit_jkr(4096, 100, 5)

    def compilation():
        from asperity.contact import MODELS
        from benchmarks.first_call import compilation
        return compilation(["hertz", "jkr"] if quick else sorted(MODELS))

    def start():
        from benchmarks.first_call import starting
        return starting(3 if quick else 7)

    def gpu():
        from benchmarks.accelerator import on_accelerator
        return on_accelerator(4096 if quick else 65536, 3)

    def measured(work):
        from benchmarks import measured
        from benchmarks.map_file import supplied_map
        from benchmarks.table import note
        found = supplied_map(data)
        return work(measured, found) if found else [note("measured curves", f"left out: no map under {data}")]

    def sizes():
        from benchmarks.by_size import whole_ways
        return measured(lambda _, path: whole_ways(path, (1, 16, 64) if quick else (1, 16, 256, 1024, 4096), repeats))

    def gp():
        from benchmarks import gaussian_processes as processes
        if quick:
            return [*processes.linear_cost((2048,), 3), *processes.batch(32, 512, 3)]
        return [*processes.linear_cost((2048, 20_000, 100_000), 5), *processes.cubic_cost(2048, 3),
                *processes.scaling(2000, 100_000, 5), *processes.batch(256, 512, 5, 0.8)]

    def potentials():
        from benchmarks.potentials import networks
        return networks(mace, 5 if quick else 15)

    def design():
        from benchmarks.design import fronts
        return fronts((25,), 2) if quick else fronts((25, 50, 100), 5)

    repeats = 2 if quick else 3
    return {
        "start": start, "hertz": hertz, "jkr": jkr, "compile": compilation, "gpu": gpu, "gp": gp,
        "potentials": potentials, "design": design,
        "measured": lambda: measured(lambda m, path: m.fit_measured(path, 256 if quick else 512, repeats + 2)),
        "read": lambda: measured(lambda m, path: m.reading(path, (16, 64) if quick else (16, 256, 1024), repeats)),
        "sizes": sizes,
        "analyze": lambda: measured(lambda m, path: m.whole_way(path, 64 if quick else 1024, repeats))}


def _about(core: int) -> dict[str, object]:
    """The machine and the versions."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {"python": platform.python_version(), "processor": _processor(), "core": core, "load": load(),
            "versions": versions}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def main() -> None:
    """Run the parts, print the table, write the JSON."""
    options = _options()
    about, start, rows = _about(one_core()), time.perf_counter(), []
    for name, part in _parts(options.quick, options.data, options.mace).items():
        if options.only is None or name in options.only:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += part()
    from benchmarks.table import show, write

    about |= {"load_at_end": load(), "wall": time.perf_counter() - start, "quick": options.quick}
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    show(rows, f"CPU time per curve, one core, median (best); load {about['load']:.1f} to {load():.1f}; "
               f"{about['wall']:.0f} s\n{about['processor']}, Python {about['python']}\n{versions}")
    if options.json:
        write(rows, about, options.json)


if __name__ == "__main__":
    main()
