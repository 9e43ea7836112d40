"""The choice of the contact model over many curves: accuracy, honesty of its probabilities, coverage, the network.

2000 curves of each kind: ``python -m benchmarks.selection``.
"""

import math

import numpy as np
import pytest
from benchmarks.lennard_jones import TABOR_TO_MAUGIS, retraction
from benchmarks.selection import calibration_error
from benchmarks.selection_curves import Condition, measured

from asperity.learning.adequacy import Tolerance, labels
from asperity.learning.classifier import quick_select
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.selection import Options, Reason, select
from tests.learning.test_selection import some
from tests.verify.verdict import Figure, judge

COUNT = 192
KINDS = {True: "the neck in sight", False: "from the pull-off up"}


@pytest.fixture(scope="module")
def chosen():
    """192 curves at 1 % noise of each kind, their truth and choice: neck seen -> curves, truth, choice."""
    found = {}
    for full in KINDS:
        curves, truth = measured(COUNT, Condition(full=full, drawn=True), 0, 128)
        found[full] = curves, truth, select(curves)
    return found


@pytest.mark.parametrize("full", KINDS)
def test_choices_are_right_and_probabilities_honest(chosen, full):
    """Goals of 2000 curves, with two standard errors of this count."""
    _, truth, choice = chosen[full]
    expected = labels(truth.maugis_parameter, truth.load, truth.full)
    right, sure = choice.model == expected, choice.probability.max(axis=1) >= 0.8
    error = 2 * math.sqrt(0.08 / COUNT)
    judge(f"Choice of the model, {KINDS[full]}", [
        Figure("right", right.mean(), 0.91 - error),
        Figure("right where sure (0.8)", right[sure].mean(), 0.96 - error),
        Figure("sure", sure.mean(), 0.80 - error),
        Figure("calibration error", calibration_error(choice.probability, expected), 0.0, 0.04 + error),
        Figure("called misfit", np.mean((choice.reasons & Reason.misfit) > 0), 0.0, 0.02)])


@pytest.mark.parametrize("full", KINDS)
def test_intervals_hold_the_truth(chosen, full):
    _, truth, choice = chosen[full]
    error = 3 * math.sqrt(0.09 / COUNT)
    figures = []
    for name in ("modulus", "work_of_adhesion"):
        interval, value = getattr(choice, name), getattr(truth, name)
        held = (interval[:, 1] <= value) & (value <= interval[:, 2])
        figures.append(Figure(f"{name}, 90 %", held.mean(), 0.9 - error, 0.9 + error))
    off = np.abs(np.log(choice.maugis_parameter / truth.maugis_parameter))
    # 0.67 for a normal distribution
    figures.append(Figure("median pull of lambda", np.median(off / (choice.parameter_spread + 0.01)), 0.0, 1.0))
    judge(f"Intervals averaged over models, {KINDS[full]}", figures)


def test_for_the_modulus_alone_lambda_need_not_be_known(chosen):
    """The other label set: Hertz at high load, else mostly JKR, told from the load."""
    curves, truth, _ = chosen[False]
    few, known = some(curves, slice(96)), some(truth, slice(96))
    tolerance = Tolerance(0.05, np.inf)
    choice = select(few, Options(tolerance=tolerance))
    expected = labels(known.maugis_parameter, known.load, known.full, tolerance)
    judge("Choice for the modulus alone", [Figure("models among the truths", len(np.unique(expected)), 2),
                                           Figure("right", np.mean(choice.model == expected), 0.9)])


@pytest.mark.parametrize("full", KINDS)
def test_the_network_agrees_with_the_posterior_where_it_is_sure(chosen, full):
    curves, truth, choice = chosen[full]
    quick = quick_select(curves, fall_back=False)
    firm = quick.sure & (choice.probability.max(axis=1) > 0.8)
    expected = labels(truth.maugis_parameter, truth.load, truth.full)
    judge(f"The network, {KINDS[full]}", [
        Figure("sure", quick.sure.mean(), 0.5),
        Figure("agrees where both are sure", np.mean(quick.model[firm] == choice.model[firm]), 0.95),
        Figure("right where sure", np.mean(quick.model[quick.sure] == expected[quick.sure]), 0.92)])


def test_stiff_lennard_jones_contacts_obey_bradley():
    """Rigid bodies: P = (8/3) (h^-8 / 4 - h^-2) in pi w R, the benchmark's other truth."""
    tabor = 0.01
    distance, force = retraction(tabor, 0.0)
    gap = -distance * TABOR_TO_MAUGIS * tabor / SEPARATION_FACTOR
    seen = (gap > 0.9) & (gap < 3)
    exact = 8 / 3 * (gap**-8.0 / 4 - gap**-2.0)
    judge("Stiff Lennard-Jones contacts", [
        # elastic sag of mu^1.5, rings beyond 7
        Figure("largest error of the force, in pi w R", np.abs(force[seen] - exact[seen]).max(), 0.0, 0.01),
        Figure("pull-off force, in pi w R", force.min(), -2.01, -1.99)])
