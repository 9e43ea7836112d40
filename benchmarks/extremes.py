"""Very long curves, very many files and lengths that differ: CPU seconds and peak memory of `asperity.analyze`.

``python -m benchmarks.extremes`` makes the data with the virtual instrument in a temporary folder and analyzes each
set in a fresh process, at two sizes: time and memory beyond that of an empty start should grow no faster than the size.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import in_new_process, one_core

__all__ = ["MAKERS", "analyzed", "made"]

#: bytes of memory that no analysis may exceed
MOST_MEMORY = 2e9
#: seconds and memory may grow by this much more than the size (small sizes pay for compiling, large ones for caches)
MOST_GROWTH = 1.3
#: what is made -> (smaller, larger): samples of a segment, files, samples of the long curve
SIZES = {"one curve": (500_000, 5_000_000), "files, one session": (10_000, 100_000),
         "files, own sessions": (5_000, 10_000), "mixed files": (500_000, 1_000_000),
         "mixed file": (500_000, 1_000_000)}
_RATE = 20.0  # curves per second: a long curve is sampled faster, not longer


def _virtual(curves: int, samples: int, seed: int = 3) -> Any:
    """Approach and retract of adhesive contacts, each as fast as any other whatever its number of samples."""
    import asperity
    from asperity.virtual.force_map import Instrument

    return asperity.virtual_map(rows=1, columns=curves, samples=samples, seed=seed,
                                instrument=Instrument(sampling_rate=_RATE * samples))


def _store(dataset: Any, path: Path) -> None:
    from asperity.data.store import save

    save(dataset, path)


def _rows(dataset: Any, curve: int, *labels: str) -> Iterator[str]:
    """The lines of one curve as plain CSV."""
    for i, segment in enumerate(dataset["segment"].values):
        count = int(dataset["sample_count"][curve, i])
        pairs = zip(dataset["height"].values[curve, i, :count], dataset["deflection"].values[curve, i, :count])
        yield from (",".join((f"{height:.7e}", f"{deflection:.7e}", str(segment), *labels))
                    for height, deflection in pairs)


def _head(dataset: Any, session: str | None, *labels: str) -> list[str]:
    stiff = float(dataset["spring_constant"][0])
    return [f"# spring_constant = {stiff!r} N/m", *([f"# session = {session}"] if session else []),
            ",".join(("height (m)", "deflection (m)", "segment", *labels))]


def _many_files(count: int, folder: Path, session: str | None) -> None:
    """Small text files of one curve each, a thousand to a folder."""
    curves = _virtual(64, 128)
    texts = ["\n".join([*_head(curves, session), *_rows(curves, i)]) + "\n" for i in range(64)]
    for number in range(count):
        place = folder / f"{number // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"curve-{number:06d}.csv").write_text(texts[number % 64], encoding="utf-8")


def _mixed_files(longest: int, folder: Path) -> None:
    """A map of 511 curves of 500 samples and a file of one long curve, of one session."""
    _store(_virtual(511, 500), folder / "map.nc")
    _store(_virtual(1, longest), folder / "one.nc")


def _mixed_file(longest: int, folder: Path) -> None:
    """The same in one file, whose curves have each their own length."""
    short, one = _virtual(511, 500), _virtual(1, longest)
    with open(folder / "mixed.csv", "w", encoding="utf-8") as stream:
        stream.write("\n".join(_head(short, "a day", "curve")) + "\n")
        for number in range(511):
            stream.writelines(f"{line}\n" for line in _rows(short, number, str(number)))
        stream.writelines(f"{line}\n" for line in _rows(one, 0, "511"))


#: name -> function (size, folder) that writes the files
MAKERS: dict[str, Callable[[int, Path], None]] = {
    "one curve": lambda size, folder: _store(_virtual(1, size), folder / "one.nc"),
    "files, one session": lambda size, folder: _many_files(size, folder, "a day"),
    "files, own sessions": lambda size, folder: _many_files(size, folder, None),
    "mixed files": _mixed_files,
    "mixed file": _mixed_file,
}


def made(kind: str, size: int, folder: Path) -> None:
    """Write the data of one kind and size."""
    folder.mkdir(parents=True, exist_ok=True)
    MAKERS[kind](size, folder)


def analyzed(folder: Path, out: Path) -> dict[str, float]:
    """The whole way from the files to results and report, in this process, and what it has cost."""
    import asperity

    results = asperity.analyze(folder, {"name": "jkr", "radius": 5e-6}, out=out)
    return {"cpu": time.process_time(), "memory": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "curves": float(results.sizes["curve"]), "usable": float((results["flag"].values < 7).sum())}


def _measure(kind: str, size: int) -> dict[str, float]:
    """One kind and size, made and analyzed in a process of its own each."""
    with tempfile.TemporaryDirectory(prefix="asperity-extremes-") as place:
        in_new_process("benchmarks.extremes", "--make", kind, str(size), place)
        return in_new_process("benchmarks.extremes", "--analyze", place)


def _row(kind: str, size: int, found: dict[str, float]) -> str:
    return (f"{kind:22s} {size:10,d} {found['cpu']:9.1f} {1e3 * found['cpu'] / found['curves']:9.2f} "
            f"{found['memory'] / 1e6:9.0f} {int(found['usable']):9,d} of {int(found['curves']):,d}")


def _verdict(sizes: tuple[int, ...], found: list[dict[str, float]]) -> str:
    """Whether memory is bounded and time linear, in words."""
    growth = found[-1]["cpu"] / found[0]["cpu"] / (sizes[-1] / sizes[0])
    memory = max(entry["memory"] for entry in found)
    linear = "linear or less" if growth <= MOST_GROWTH else "MORE THAN LINEAR"
    bounded = "bounded" if memory < MOST_MEMORY else "NOT BOUNDED"
    return (f"    time grows {growth:.2f} times as much as the size: {linear}; "
            f"memory {bounded}: {memory / 1e9:.2f} of {MOST_MEMORY / 1e9:.0f} GB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extremes", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(MAKERS), default=list(MAKERS), help="some kinds alone")
    parser.add_argument("--divide", type=int, default=1, metavar="N", help="all sizes divided by N")
    parser.add_argument("--make", nargs=3, metavar=("KIND", "SIZE", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--analyze", metavar="FOLDER", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure every kind at both sizes and print the table."""
    options = _options()
    if options.make:
        made(options.make[0], int(options.make[1]), Path(options.make[2]) / "data")
        print(json.dumps({}))
    elif options.analyze:
        print(json.dumps(analyzed(Path(options.analyze) / "data", Path(options.analyze) / "out")))
    else:
        one_core()
        print(f"{'what':22s} {'size':>10s} {'CPU s':>9s} {'ms/curve':>9s} {'MB':>9s} {'usable':>9s}")
        for kind in options.only:
            sizes = tuple(size // options.divide for size in SIZES[kind])
            found = []
            for size in sizes:
                found.append(_measure(kind, size))
                print(_row(kind, size, found[-1]), flush=True)
            print(_verdict(sizes, found), flush=True)


if __name__ == "__main__":
    main()
