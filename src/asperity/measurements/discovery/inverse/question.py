"""What every design has in common: a question, its answer as rows of designs, and the verdict on the targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.data.results import flag_attributes
from asperity.learning.discovery.chance import Chance, Proposal, QuantileDemands, chance_of, proposal
from asperity.learning.discovery.design import (
    TOLERANCE,
    Aim,
    Demanding,
    Demands,
    InverseProblem,
    Place,
    beginnings,
    front,
    least,
)
from asperity.learning.discovery.enumeration import Enumeration, best_of, enumerated
from asperity.learning.discovery.infeasible import Certificate, certificate
from asperity.measurements.discovery.inverse.posterior import Knowledge
from asperity.messages import known_keys, number

__all__ = ["Meets", "Question", "Request", "aims_of", "answer", "answer_of_list"]

_POINTS = 16  # of a front
_JUDGED = 4  # times the draws that give the quantiles find their level, and as many others judge the designs
_BEYOND = np.log(10.0)  # in ln, by which a point of it may miss a target
_ALIKE = 1e-6  # in ln, to which two alternatives are alike
_INSIDE = (0.05, 0.95)  # quantiles of the values of the proposal that are told

#: (draw,) of every input
Drawn = dict[str, np.ndarray]


class Meets(IntEnum):
    """The flag of one design, by the best estimate."""

    meets_all = 0
    misses_a_bound = 1


class Request(NamedTuple):
    """How sure the answer shall be."""

    probability: float  # wanted, that all bounds are met
    prefer: int  # the objective that is improved as far as that allows
    draws: int
    seed: int


class Question(NamedTuple):
    """What may be built or set, what is known, and what is asked."""

    kind: str  # tip, film, lattice or setpoint
    problems: dict[str, InverseProblem]  # one, or one for each alternative, which it is named by
    units: dict[str, tuple[str, str]]  # variable or aim -> (unit, meaning)
    known: Knowledge
    request: Request


class _Row(NamedTuple):
    role: str  # front, backed_off, optimum, proposal
    alternative: str
    chosen: dict[str, float]


def aims_of(targets: Mapping[str, float] | None, usual: Mapping[str, tuple[bool, float | None]],
            units: Mapping[str, tuple[str, str]]) -> tuple[dict[str, Aim], dict[str, float]]:
    """The aims, and the bounds of those that nobody gave.

    Args:
        targets: name -> bound, as given.
        usual: name -> (whether it shall be small, the bound where nobody gives one; None: it has none then).

    Raises:
        ArgumentError: a target that there is not, or that is not positive.
    """
    said = known_keys("targets", targets, usual)
    aims, taken = {}, {}
    for name, (small, bound) in usual.items():
        unit = units[name][0]
        if name in said:
            bound = number(f"{name} in targets", said[name], above=0.0, most=1e30, unit="" if unit == "1" else unit)
        elif bound is not None:
            taken[name] = bound
        aims[name] = Aim(name, small, bound)
    return aims, taken


def _sets(question: Question) -> tuple[Drawn, Drawn, Drawn]:
    """Three sets of draws that share none; the last judges."""
    rng, count, known = np.random.default_rng(question.request.seed), question.request.draws, question.known
    return known.draws(count, rng), known.draws(_JUDGED * count, rng), known.draws(_JUDGED * count, rng)


def answer(question: Question) -> xr.Dataset:
    """The front, the design that is proposed and the verdict on the targets, of variables that may be chosen freely."""
    sets, request, values = _sets(question), question.request, question.known.values
    proposals: list[tuple[str, Proposal]] = []
    verdicts: list[Certificate] = []
    optima: list[tuple[float, _Row]] = []
    plain: dict[str, Demanding] = {}
    backed: dict[str, Demanding] = {}
    for name, problem in question.problems.items():
        demands = plain[name] = Demands(problem, values)
        verdicts.append(certificate(demands, problem.levels))
        found = proposal(problem, (sets[0], sets[1], sets[1]), request.probability, request.prefer)
        proposals.append((name, found))
        backed[name] = QuantileDemands(problem, sets[0], found.quantile)
        if verdicts[-1].feasible:
            starts = np.vstack([verdicts[-1].nearest.place, beginnings(len(problem.variables))])
            best = least(demands, request.prefer, problem.levels, starts)
            optima.append((float(best.demands[request.prefer]), _row("optimum", name, problem, best.place)))
    chosen = _better(question, proposals, request)
    rows = [*_front_of_any("front", plain), *_front_of_any("backed_off", backed),
            *(row for _, row in sorted(optima, key=lambda one: one[0])[:1]),
            _row("proposal", chosen[0], question.problems[chosen[0]], chosen[1].place)]
    sure = None
    if not chosen[1].reached:
        wanted = [certificate(QuantileDemands(problem, sets[0], request.probability), problem.levels, scatter=6)
                  for problem in question.problems.values()]
        sure = _of_any(wanted)
    ranges = json.dumps(next(iter(question.problems.values())).variables)
    return _table(question, rows, sets[2], _of_any(verdicts), sure).assign_attrs(
        ranges=ranges, reached=int(chosen[1].reached), back_off=float(chosen[1].quantile))


def answer_of_list(question: Question, designs: Mapping[str, np.ndarray], names: np.ndarray) -> xr.Dataset:
    """The same of a list of designs (design,), which is gone through; ``names`` are those of its entries."""
    sets, request = _sets(question), question.request
    problem = next(iter(question.problems.values()))
    found = enumerated(problem, designs, question.known.values, sets[1])

    def row(role: str, index: int) -> _Row:
        return _Row(role, str(names[index]), {name: float(values[index]) for name, values in designs.items()})

    best = best_of(found, request.probability, request.prefer)
    rows = [row("front", int(i)) for i in np.flatnonzero(found.front)]
    if found.met.any():
        met = np.flatnonzero(found.met)
        rows.append(row("optimum", int(met[np.argmin(found.demands[met, request.prefer])])))
    rows.append(row("proposal", best))
    made = _table(question, rows, sets[2], _list_verdict(problem, found), None)
    return made.assign_attrs(reached=int(found.share[best] >= request.probability), back_off=np.nan,
                             listed=len(found.share))


def _of_any(verdicts: list[Certificate]) -> Certificate:
    """The certificate where one of several alternatives is enough."""
    least_alone = np.min([one.alone for one in verdicts], axis=0)
    return min(verdicts, key=lambda one: one.excess)._replace(alone=least_alone, checked=min(
        one.checked for one in verdicts))


def _list_verdict(problem: InverseProblem, found: Enumeration) -> Certificate:
    """The certificate of a list: exact, for each of its designs was looked at."""
    over = np.where(np.isfinite(problem.levels), found.demands - problem.levels, -np.inf)
    alone = np.full(over.shape[1], np.nan)
    for aim in np.flatnonzero(np.isfinite(problem.levels)):
        others = (np.delete(over, aim, axis=1) <= TOLERANCE).all(axis=1)
        alone[aim] = max(float(over[others, aim].min()), 0.0) if others.any() else np.inf
    worst = over.max(axis=1)
    nearest = int(np.argmin(worst))
    return Certificate(float(worst[nearest]), Place(np.zeros(0), found.demands[nearest], bool(found.met[nearest])),
                       alone, len(worst))


def _row(role: str, name: str, problem: InverseProblem, place: np.ndarray) -> _Row:
    low, high = problem.ends.T
    return _Row(role, name, dict(zip(problem.variables, np.exp(low + (high - low) * place).tolist())))


def _better(question: Question, found: list[tuple[str, Proposal]], request: Request) -> tuple[str, Proposal]:
    """Of the proposals of all alternatives the one that is preferred, if it is sure enough; else the likeliest."""

    def worth(one: tuple[str, Proposal]) -> tuple[bool, float]:
        problem = question.problems[one[0]]
        with jax.enable_x64(True):
            demand = float(problem.demands(jnp.asarray(one[1].place), question.known.values)[request.prefer])
        return not one[1].reached, demand if one[1].reached else -one[1].chance.all_met

    return min(found, key=worth)


def _front_of_any(role: str, searches: Mapping[str, Demanding]) -> list[_Row]:
    """The fronts of all alternatives without what another alternative does better anywhere, not only at its points."""
    found = {name: front(one, _POINTS, beyond=_BEYOND) for name, one in searches.items()}
    return [_row(role, name, searches[name].problem, place) for name, one in found.items()
            for place, demands in zip(one.places, one.demands)
            if not any(_beats(other, demands) for key, other in searches.items() if key != name)]


def _beats(other: Demanding, demands: np.ndarray) -> bool:
    """Whether another alternative, with no more of the first demand, has less of the second."""
    problem = other.problem
    levels = np.where(np.arange(len(problem.aims)) < len(problem.objectives), np.inf, problem.levels)
    levels[0] = demands[0]
    best = least(other, 1, levels, beginnings(len(problem.variables)))
    return best.met and bool(best.demands[1] < demands[1] - _ALIKE)


def _judged(question: Question, rows: list[_Row], draws: dict[str, np.ndarray]
            ) -> tuple[np.ndarray, list[Chance], np.ndarray]:
    """(row, aim) demands by the best estimate, the chances, and (row, 2, aim) low and high demands of 90 %."""
    first = next(iter(question.problems.values()))
    found: dict[int, tuple[np.ndarray, Chance, np.ndarray]] = {}
    for name in {row.alternative for row in rows} if len(question.problems) > 1 else {""}:
        problem = question.problems.get(name, first)
        index = [i for i, row in enumerate(rows) if len(question.problems) == 1 or row.alternative == name]
        chosen = {key: np.array([rows[i].chosen[key] for i in index]) for key in rows[0].chosen}
        known = {key: np.append(draws[key], value) for key, value in question.known.values.items()}
        at = jax.vmap(problem.demands_of, (None, 0))
        with jax.enable_x64(True):
            every = np.asarray(jax.jit(lambda all_, given, at=at: jax.lax.map(lambda one: at(one, given), all_))(
                chosen, known))
        for i, demands in zip(index, every):
            found[i] = (demands[-1], chance_of(demands[:-1] <= problem.levels + TOLERANCE),
                        np.quantile(demands[:-1], _INSIDE, axis=0))
    ordered = [found[i] for i in range(len(rows))]
    return (np.array([one[0] for one in ordered]), [one[1] for one in ordered], np.array([one[2] for one in ordered]))


def _table(question: Question, rows: list[_Row], draws: dict[str, np.ndarray], verdict: Certificate,
           sure: Certificate | None) -> xr.Dataset:
    """All designs in rows, the bounds, and what the certificate says."""
    problem = next(iter(question.problems.values()))
    aims, units = problem.aims, question.units
    sign = np.array([aim.sign for aim in aims])
    demands, chances, inside = _judged(question, rows, draws)
    told: dict[str, Any] = {name: ("design", [row.chosen[name] for row in rows],
                                   {"units": units[name][0], "long_name": units[name][1], "role": "chosen"})
                            for name in rows[0].chosen}
    ends = np.sort(np.exp(sign * inside), axis=1)
    for i, aim in enumerate(aims):
        unit, meaning = units[aim.name]
        about = {"units": unit, "long_name": meaning, "role": "objective" if i < len(problem.objectives) else "limit",
                 "ancillary_variables": f"{aim.name}_low {aim.name}_high flag"}
        told[aim.name] = ("design", np.exp(sign[i] * demands[:, i]), about)
        for j, end in enumerate(("low", "high")):
            told[f"{aim.name}_{end}"] = ("design", ends[:, j, i], {
                "units": unit, "long_name": f"{meaning}: {end} end of the interval that holds 90 % of the draws"})
    for name, values, meaning in (
            ("probability", [one.all_met for one in chances], "that all bounds are met"),
            ("probability_low", [one.low for one in chances], "low end of its interval of 95 %, by the draws"),
            ("probability_high", [one.high for one in chances], "high end of its interval of 95 %, by the draws")):
        told[name] = ("design", values, {"units": "1", "long_name": meaning})
    told["probability_of_each"] = (("design", "aim"), np.array([one.each for one in chances]), {
        "units": "1", "long_name": "that one bound is met"})
    over = (demands - problem.levels > TOLERANCE).any(axis=1)
    told["flag"] = ("design", over.astype(np.int8), flag_attributes(Meets, "whether the best estimate meets all"))
    told |= _verdicts(aims, verdict, sure)
    return xr.Dataset(told, {"role": ("design", [row.role for row in rows]),
                             "alternative": ("design", [row.alternative for row in rows]),
                             "aim": [aim.name for aim in aims]},
                      {"design": question.kind, "wanted": question.request.probability,
                       "objectives": json.dumps([aim.name for aim in problem.objectives]),
                       "prefer": problem.objectives[question.request.prefer].name, "checked": verdict.checked,
                       "known": json.dumps(question.known.values), "spread": json.dumps(question.known.spread),
                       "curves": len(next(iter(question.known.curves.values()), ((),))[0])})


def _verdicts(aims: tuple[Aim, ...], verdict: Certificate, sure: Certificate | None) -> dict[str, Any]:
    """The bounds, and the factors by which they would have to give."""
    told: dict[str, Any] = {
        "bound": ("aim", [np.nan if aim.bound is None else aim.bound for aim in aims],
                  {"long_name": "bound of an aim, in its unit"}),
        "small": ("aim", np.array([aim.small for aim in aims], np.int8),
                  {"long_name": "1: at most the bound; 0: at least"})}
    for name, found, words in (("", verdict, "by the best estimate"),
                               ("_wanted", sure, "for the wanted probability of each")):
        excess = np.nan if found is None else np.exp(max(found.excess, 0.0))
        alone = np.full(len(aims), np.nan) if found is None else np.exp(np.maximum(found.alone, 0.0))
        told[f"widening{name}"] = ((), excess, {"units": "1", "long_name": f"factor all bounds must give, {words}"})
        told[f"widening_alone{name}"] = ("aim", alone, {
            "units": "1", "long_name": f"factor that this bound alone must give, {words}; infinite: that is no help"})
    return told
