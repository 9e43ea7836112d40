"""Detectors of unfamiliar inputs raise false alarms at their stated rate."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from asperity.evaluation.shift import detect
from tests.evaluation.test_shift import groups
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize(("count", "rate"), [(38, 0.05), (60, 0.2), (200, 0.05)])
def test_false_alarms_come_at_the_stated_rate(count, rate):
    """n = count / 2 inputs calibrate: an input drawn like the training ones is flagged with probability
    floor((n + 1) rate) / (n + 1), whatever the distribution."""
    rng = np.random.default_rng(1)
    trials = 2000
    flags = [detect(groups(rng, count), groups(rng, 1), false_alarm=rate, seed=trial).flag[0]
             for trial in range(trials)]
    held = count // 2 + 1
    probability = math.floor(held * rate + 1e-9) / held
    judge(f"False alarms, {count} inputs, rate {rate:g} (exactly {probability:.4g})", [
        Figure("share", np.mean(flags), 0.0, 1.0),
        Figure("its probability by chance", binomtest(int(sum(flags)), trials, probability).pvalue, 1e-3)])
