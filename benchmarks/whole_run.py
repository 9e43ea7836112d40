"""``python -m benchmarks.whole_run FILE OUT``: `asperity analyze` in a fresh process; prints what it cost."""

from __future__ import annotations

import json
import sys
import time

START = time.perf_counter()


def main() -> None:
    """Analyze with table and report."""
    from asperity.measurements.force_curves.analyze import analyze
    from benchmarks.map_file import RADIUS

    analyze(sys.argv[1], {"name": "hertz", "radius": RADIUS}, out=sys.argv[2])
    print(json.dumps({"cpu": time.process_time(), "wall": time.perf_counter() - START}))


if __name__ == "__main__":
    main()
