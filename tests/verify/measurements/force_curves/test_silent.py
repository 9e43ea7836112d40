"""Silent wrong numbers: a modulus that is off by more than its interval and more than 5 %, and nobody says so.

`python -m tests.verify.measurements.force_curves.test_silent` prints the whole table of docs/validation.md.
"""

from typing import NamedTuple

import numpy as np
import pytest

import asperity
from asperity.contact import Hertz
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.criteria import Verdict
from tests.verify.measurements.force_curves.defects import DEFECTS, INVISIBLE, RADIUS, SOUND, at_best, session
from tests.verify.verdict import Figure, judge

SIGNALS = (30, 60, 375)  # largest force over the noise
CURVES = 24  # of a session
REPEATS = 4  # sessions of a sound curve
WRONG = 0.05  # relative bias that is not silent
#: criteria of the scorecard that speak of the model, not of the provenance
MODEL = ("misfit", "reduced_chi_square", "model_holds", "half_depth", "contact_radius", "contact_exponent")


class Told(NamedTuple):
    """What one session states and says."""

    bias: float  # relative, of the median curve
    interval: tuple[float, float]  # of 95 % over the modulus, relative, of the median curve
    held: float  # share of curves whose interval holds the truth
    flagged: float  # share of curves that are not converged
    spoken: list[str]  # criteria that are doubtful or bad
    unseen: float  # relative bias that the page says these curves hardly show

    @property
    def wrong(self) -> bool:
        """Whether the number is off by more than its interval holds, and by more than 5 %."""
        return not self.held >= 0.5 and not abs(self.bias) <= WRONG

    @property
    def silent(self) -> bool:
        """Whether it is, neither most flags nor the scorecard say a word, and the page does not call it invisible."""
        return self.wrong and self.flagged < 0.5 and not self.spoken and not self.hidden

    @property
    def hidden(self) -> bool:
        """Whether the page says that so large a bias would hardly show."""
        return abs(self.bias) <= self.unseen


def told(curve, signal: float, seed: int) -> Told:
    """Of one session of `CURVES` curves."""
    fitted = asperity.fit(session(curve, CURVES, signal, np.random.default_rng([seed, int(signal)])),
                          Hertz(radius=RADIUS))
    good = fitted["modulus"].values[np.isfinite(fitted["modulus"].values)]
    low, high = (fitted[f"modulus_{end}"].values for end in ("low", "high"))
    scores = asperity.score(fitted)
    spoken = [str(name) for name, verdict in zip(scores["criterion"].values, scores["verdict"].values)
              if name in MODEL and verdict in (Verdict.doubtful, Verdict.bad)]
    middle = np.median(good) if len(good) else np.nan
    return Told(middle / curve.modulus - 1, (np.nanmedian(low) / middle - 1, np.nanmedian(high) / middle - 1),
                float(np.mean((low <= curve.modulus) & (curve.modulus <= high))),
                float(np.mean(fitted["flag"].values != Outcome.converged)), spoken,
                float(fitted["modulus_unseen"].median()))


@pytest.mark.filterwarnings("ignore:All-NaN")
def test_no_wrong_number_is_silent():
    """Every visible defect at three signals; and what is said of right models is said by chance."""
    found = {(name, signal): told(make(), signal, 0) for name, make in DEFECTS.items() for signal in SIGNALS}
    silent = [f"{name} at {signal}" for (name, signal), one in found.items() if one.silent]
    hidden = [case for case, one in found.items() if one._replace(unseen=0.0).silent and one.hidden]
    visible = {case: np.sqrt(CURVES) * at_best(DEFECTS[case[0]](), case[1]) for case in hidden}
    print("\nsaid to hardly show, and how many standard deviations the best test sees of them:", visible or "none")
    controls = [told(make(), signal, 1 + i) for make in SOUND.values() for signal in SIGNALS for i in range(REPEATS)]
    print("\nsilent:", silent or "none")
    judge("Silent wrong numbers", [
        Figure("sessions with a defect", len(found), 135),
        Figure("silent wrong numbers among them", len(silent), 0, 0),
        Figure("those said to hardly show, in standard deviations at best", max(visible.values(), default=0), 0, 3.3),
        Figure("flagged curves of right models in a thousand", 1e3 * np.mean([one.flagged for one in controls]), 0, 10),
        Figure("right models whose scorecard speaks, %", 100 * np.mean([bool(one.spoken) for one in controls]), 0, 10),
        Figure("right models that are wrong, %", 100 * np.mean([one.wrong for one in controls]), 0, 0)])


def main() -> None:
    """Print one row for each defect and signal."""
    print("| defect | signal | bias | interval | holds | flagged | the scorecard says | |\n|" + "---|" * 8)
    for name, make in (SOUND | DEFECTS | INVISIBLE).items():
        for signal in SIGNALS:
            one = told(make(), signal, 0)
            low, high = (100 * end for end in one.interval)
            said = "wrong, said" if one.flagged >= 0.5 or one.spoken else f"below {100 * one.unseen:.0f} %, said"
            said = "taken to be exact, said" if name in INVISIBLE else said
            verdict = "SILENT" if one.silent and name not in INVISIBLE else said if one.wrong else ""
            cells = [name, str(signal), f"{100 * one.bias:+.1f} %", f"{low:+.0f} to {high:+.0f} %",
                     f"{100 * one.held:.0f} %", f"{100 * one.flagged:.0f} %", ", ".join(one.spoken), verdict]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
