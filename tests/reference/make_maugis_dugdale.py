"""Writes maugis_dugdale_exact.json: Maugis's equations solved with mpmath to 40 digits, 25 printed.

Independent of the library: the two unknowns A and m = c/a are found together from the condition on the
gap and the condition of the column, by Newton's method on numerical derivatives, not by the explicit form.
Run: python -m tests.reference.make_maugis_dugdale
"""

import csv
import json
from pathlib import Path

import mpmath as mp

FOLDER = Path(__file__).parent


def gap(a, m, lam):
    """Maugis's condition that the gap at c is h0; zero on the curve."""
    root, angle = mp.sqrt(m * m - 1), mp.atan(mp.sqrt(m * m - 1))
    first = lam * a * a / 2 * (root + (m * m - 2) * angle)
    return first + 4 * lam**2 * a / 3 * (root * angle - m + 1) - 1


def load(a, m, lam):
    root, angle = mp.sqrt(m * m - 1), mp.atan(mp.sqrt(m * m - 1))
    return a**3 - lam * a * a * (root + m * m * angle)


def displacement(a, m, lam):
    return a * a - mp.mpf(4) / 3 * a * lam * mp.sqrt(m * m - 1)


def turning(function):
    """The determinant of the gradients of ``function`` and of the gap: zero at an extremum on the curve."""

    def condition(a, m, lam):
        def gradient(f):
            return mp.diff(lambda x: f(x, m, lam), a), mp.diff(lambda x: f(a, x, lam), m)

        (fa, fm), (ga, gm) = gradient(function), gradient(gap)
        return fa * gm - fm * ga

    return condition


CONDITIONS = {"pull_off": turning(load), "zero_load": load, "zero_displacement": displacement,
              "jump_off": turning(displacement)}


def solve(lam, condition, radius):
    """(A, P, D) where ``condition`` vanishes on the curve, near contact radius ``radius``."""
    with mp.workdps(15):
        low, high = mp.mpf(1), mp.mpf(2)
        while gap(radius, high, lam) < 0:
            high *= 2
        m = mp.findroot(lambda x: gap(radius, x, lam), (low, high), solver="anderson", tol=1e-12)
    a, m = mp.findroot(lambda a, m: [gap(a, m, lam), condition(a, m, lam)], (mp.mpf(radius), m), tol=1e-60)
    return a, load(a, m, lam), displacement(a, m, lam)


def main():
    mp.mp.dps = 40
    table = []
    for row in csv.DictReader((FOLDER / "maugis_dugdale.csv").open()):
        lam, entry = mp.mpf(row["maugis_parameter"]), {"maugis_parameter": row["maugis_parameter"]}
        for name, condition in CONDITIONS.items():
            guess = row[f"radius_at_{name}"]
            if guess != "hovering":
                values = solve(lam, condition, mp.mpf(guess))
                entry[name] = {key: mp.nstr(value, 25) for key, value in zip(("A", "P", "D"), values)}
        table.append(entry)
    (FOLDER / "maugis_dugdale_exact.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
