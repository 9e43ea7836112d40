"""Which law do the surfaces obey? `select` on curves that a lever retracts from contacts of either law.

Tips of 10 to 100 nm, Tabor's parameter 0.1 to 2.5, largest load 2 to 30 pi w R, separation known to 30 %, spring
constant to 5 %, sensitivity to 3 %: `python -m tests.verify.learning.test_surface_laws`.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest

from asperity.learning.adequacy import Model
from asperity.learning.selection import Reason, SurfaceStress, select
from tests.verify.learning.retracted_levers import Drawn, recorded
from tests.verify.verdict import Figure, judge

COUNT = 96
OTHER = {"lennard_jones": SurfaceStress.maugis_dugdale, "dugdale": SurfaceStress.lennard_jones}
OWN = {"lennard_jones": SurfaceStress.lennard_jones, "dugdale": SurfaceStress.maugis_dugdale}
LEVERS = {0.1: "stiff", 1.0: "middle", 3.0: "soft"}


class Told(NamedTuple):
    """Shares of all curves, or of the curves without misfit."""

    right: float  # the law is told
    wrong: float  # the other one is
    either: float
    misfit: float
    named_wrongly: float  # named lennard_jones_contact where Dugdale's law holds, or maugis_dugdale by error of the law
    held: float  # the 90 % interval of the work of adhesion, averaged over laws, holds the truth
    held_by_maugis: float  # the one by Maugis and Dugdale does
    bias_by_maugis: float  # median error of that
    bias: float


def told(drawn: Drawn, seed: int = 5, count: int = COUNT) -> Told:
    """One row of the table."""
    curves, truth = recorded(count, drawn, seed)
    choice = select(curves)
    fair = (choice.reasons & (Reason.misfit | Reason.not_fitted | Reason.no_adhesion)) == 0
    known = truth.work_of_adhesion

    def holds(interval):
        return np.mean(((interval[:, 1] <= known) & (known <= interval[:, 2]))[fair])

    model = int(Model.lennard_jones_contact if drawn.law == "dugdale" else Model.maugis_dugdale)
    wrongly = (choice.reasons == 0) & (choice.model == model) & (choice.law == int(OTHER[drawn.law]))
    by_maugis = choice.work_of_adhesion_by_law[:, 0]
    laws = (int(one) for one in (OWN[drawn.law], OTHER[drawn.law], SurfaceStress.either))
    shares = [np.mean(choice.law == one) for one in laws]
    return Told(*shares, 1 - fair.mean(), wrongly.mean(), holds(choice.work_of_adhesion),
                holds(by_maugis), *(float(np.nanmedian((a[:, 0] / known)[fair]) - 1)
                                    for a in (by_maugis, choice.work_of_adhesion)))


@pytest.mark.parametrize("law", OWN)
@pytest.mark.parametrize("bending", LEVERS)
def test_the_law_is_told_or_said_to_be_open(law, bending):
    found = told(Drawn(law, bending, 0.01))
    error = 3 * math.sqrt(0.09 / COUNT)
    judge(f"{law}, {LEVERS[bending]} lever, noise 1 %", [
        Figure("told wrongly", found.wrong, 0.0, 0.05),
        Figure("named by the wrong law", found.named_wrongly, 0.0, 0.05),
        Figure("told or left open", found.right + found.either, 0.8),
        Figure("90 % intervals of the adhesion hold", found.held, 0.9 - error, 1.0),
        Figure("median error of the adhesion", found.bias, -0.05, 0.05)])


def main() -> None:
    """Print the table of all laws, levers and noises."""
    print("| surfaces | lever | noise | law told | wrongly | either | misfit | named wrongly | held | by Maugis | "
          "its error | error |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    for law in OWN:
        for bending, lever in LEVERS.items():
            for noise in (0.003, 0.01, 0.03):
                found = told(Drawn(law, bending, noise))
                shares = " | ".join(f"{one:.2f}" for one in found[:7])
                print(f"| {law} | {lever} | {noise:.1%} | {shares} | {found.bias_by_maugis:+.1%} | {found.bias:+.1%} |",
                      flush=True)


if __name__ == "__main__":
    main()
