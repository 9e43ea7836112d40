"""What a result says of its contact model: what the noise does not explain, what the curves show together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asperity.data.results import codes
from asperity.learning.agreement import BY_CHANCE
from asperity.learning.discrepancy import FEWEST, SEEN, VAGUE, Departure
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import Contents, median
from asperity.measurements.force_curves.criteria import (
    Criterion,
    Verdict,
    graded,
    interval,
    sessions_of,
    unknown,
    within,
)
from asperity.report.numbers import count_of, factor_of, plain

__all__ = ["NOT_TESTED", "looks_like", "of_model", "unseen"]

#: where the curves of no session could be tested
NOT_TESTED = (f"Whether the contact model is quite true cannot be tested here (that takes {FEWEST} sound curves of one "
              "session, with a baseline): the error bars do not hold what a wrong model does.")

_LEAST = 1e-3  # probability that is written with its digits
_HOLDS = 0.25  # probability that a model holds, from which it is not doubted: odds of three to one against it
_NOISIER = 4.0  # times the modulus of the whole, that of half of the depth is: 1/2.8 of the force, half of the samples
_LIKELY = 0.67  # standard deviations, which half of normal errors exceed
_LARGE = 0.3  # radius of contact over that of a paraboloid, from which it is doubtful,
_TOO_LARGE = 0.5  # and bad


def of_model(contents: Contents) -> Iterator[Criterion]:
    """The criteria of one kind, physics, on the contact model."""
    fitted = np.isin(contents.flags, [int(o) for o in Outcome if o.usable or o == Outcome.bound_hit])
    if not fitted.any():
        yield unknown("physics", "misfit", "No curve was fitted.")
        return
    yield from _single(contents, fitted)
    yield from _together(contents)
    yield from _over_depth(contents)
    yield from _large_contact(contents)


def _single(contents: Contents, fitted: np.ndarray) -> Iterator[Criterion]:
    """What each fit leaves, by itself."""
    chance = contents.columns["misfit_chance"]
    seen = np.isin(contents.flags, [int(Outcome.small_misfit), int(Outcome.misfit)])
    missed = np.where(np.isfinite(chance), chance < BY_CHANCE, seen)[fitted]
    value, low, high = interval(np.mean, [missed.astype(float)], sessions_of(contents)[fitted])
    yield Criterion("physics", "misfit", value, low, high, 0.0, graded(value, 0.05, 0.3),
                    f"{plain(100 * value, '%', 2)} of {count_of(int(fitted.sum()), 'fitted curve')} leave a "
                    "residual that the noise does not explain.")
    ratio = contents.columns["reduced_chi_square"]
    known = contents.usable & np.isfinite(ratio)
    if known.any():
        value, low, high = interval(median, [ratio[known]], sessions_of(contents)[known])
        yield Criterion("physics", "reduced_chi_square", value, low, high, 1.0,
                        graded(abs(np.log(max(value, 1e-9))), np.log(1.5), np.log(4)),
                        f"Reduced chi-square in contact: {value:.2f}{within(low, high)}; noise alone has 1.")


def _together(contents: Contents) -> Iterator[Criterion]:
    """What the curves of a session show together, also where none of them shows it alone."""
    if "model_chance" not in contents.units:
        return
    chance, good = contents.columns["model_chance"], contents.usable
    tested = good & np.isfinite(chance)
    if not tested.any():
        yield unknown("physics", "model_holds", NOT_TESTED)
        return
    worst = int(np.flatnonzero(tested)[chance[tested].argmin()])
    value, sessions = float(chance[worst]), np.unique(sessions_of(contents)[tested])
    where = f" of session {sessions_of(contents)[worst]}" if len(sessions) > 1 else ""
    verdict = Verdict.good if value >= _HOLDS else Verdict.doubtful if value >= SEEN else Verdict.bad
    part = contents.columns["modulus_std_model"] / np.abs(contents.columns["modulus"])
    chosen = tested & (chance == value)
    size = median(part[chosen])
    off = f"± {plain(100 * size, '%', 2)}" if size <= VAGUE else factor_of(size)
    wrong = (f"together the curves{where} show that it does not ({looks_like(contents, worst)}): the modulus may be "
             f"off by {off}, in all of them alike")
    nothing = f"nothing that the curves show together speaks against it{unseen(contents)}"
    said = nothing if verdict == Verdict.good else (
        wrong if verdict == Verdict.bad else f"the curves{where} together make that doubtful")
    yield Criterion("physics", "model_holds", value, np.nan, np.nan, 1.0, verdict,
                    f"The contact model holds with a probability {_percent(value)}: {said}.")


def unseen(contents: Contents) -> str:
    """What could change the modulus, and by how much, without these curves showing it; nothing where unknown."""
    known = contents.columns["modulus_unseen"][contents.usable]
    if not np.isfinite(known).any():
        return ""
    return (f"; a stiff support beneath (or the like) that changes the modulus by less than "
            f"{plain(100 * median(known), '%', 2)} would hardly show in them")


def _percent(value: float) -> str:
    return f"of {plain(100 * value, '%', 2)}" if value >= _LEAST else "below 0.1 %"


def looks_like(contents: Contents, curve: int) -> str:
    """What the departure from the model looks like, in words."""
    names = [codes(contents.results, name)[int(contents.columns[name][curve])].name
             for name in ("departure", "departure_second") if name in contents.results]
    return " or ".join(name.replace("_", " ") for name in names if name != Departure.none_seen.name)


def _over_depth(contents: Contents) -> Iterator[Criterion]:
    """How much the modulus changes where the fit ends at half of the depth."""
    change = contents.columns["modulus_half_depth"] / contents.columns["modulus"] - 1
    known = contents.usable & np.isfinite(change)
    if not known.any():
        return
    whole, *ends = interval(median, [change[known]], sessions_of(contents)[known])
    size, low, high = interval(median, [np.abs(change[known])], sessions_of(contents)[known])
    std = contents.columns["modulus_std_noise"] / np.abs(contents.columns["modulus"])
    noise = _LIKELY * _NOISIER * median(std[known])
    common = min(map(abs, [whole, *ends])) if min(ends) <= 0 <= max(ends) else abs(whole)
    large = max(common, np.sqrt(max(size**2 - noise**2, 0.0)))
    yield Criterion("physics", "half_depth", size, low, high, 0.0, graded(large, 0.1, 0.3),
                    f"Fitted to half of the depth, the modulus changes by {plain(100 * size, '%', 2)} (the median "
                    f"curve; ups and downs together {plain(100 * whole, '%', 2)}); noise alone changes it by "
                    f"some {plain(100 * noise, '%', 2)}.")


def _large_contact(contents: Contents) -> Iterator[Criterion]:
    """Whether a paraboloid stands for a sphere that is too deep in the sample."""
    ratio = contents.columns["contact_radius_over_tip"]
    known = contents.usable & np.isfinite(ratio)
    if not known.any() or (value := median(ratio[known])) <= _LARGE:
        return
    adhesive = "work_of_adhesion" in contents.units
    exact = "jkr_sphere" if adhesive else "sphere"
    verdict = Verdict.doubtful if value <= _TOO_LARGE else Verdict.bad
    yield Criterion("physics", "contact_radius", value, np.nan, np.nan, _LARGE, verdict,
                    f"The radius of contact reaches {value:.2f} of that of the tip, where a paraboloid differs from a "
                    f"sphere: fit the model {exact} instead, or less of the depth.")
