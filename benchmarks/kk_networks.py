"""What causality in the loss is worth: networks for E*(omega) with and without it, on spectra whose truth is known.

    python -m benchmarks.kk_networks            # all of it
    python -m benchmarks.kk_networks --quick    # 4 data sets of each kind

Four kinds of material, 20 data sets each, 15 frequencies on three decades, 5 % noise:

- solid: seven Maxwell branches over five decades and a spring; noise of E' and E'' each
- uneven solid: the same with moduli of the branches that scatter by a factor e
- power law: two springpots side by side, without a plateau; the same noise
- low loss: the solid with weak branches, tan(delta) about 0.05; noise of |E*| in both, so that E'' < 0 occurs

in: rms |dE*|/|E*| within the band; ex: one decade beyond it on both sides; ln E'': its rms error there; P: rms
distance to the nearest passive spectrum, within the band and with what lies one decade beyond. Medians (90th
percentiles) in per cent. All networks have the same layers, initial weights, steps and rates.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

BAND = (-1.5, 1.5)  # decades of rad/s
POINTS, NOISE, SETS = 15, 0.05, 20
KINDS = ("solid", "uneven solid", "power law", "low loss")

Spectrum = Callable[[np.ndarray], np.ndarray]


class DataSets(NamedTuple):
    """Simulated measurements of one kind, with the truth."""

    angular_frequency: np.ndarray  # (m,) rad/s
    modulus: np.ndarray  # (sets, m) complex, Pa
    noise: np.ndarray  # (sets, m) complex standard deviations, Pa
    truths: tuple[Spectrum, ...]


def solid(rng: np.random.Generator, strength: float = 1e3, scatter: float = 0.5) -> Spectrum:
    """A spring of 1 kPa and seven branches; ``scatter`` is the standard deviation of the logarithm of their moduli."""
    tau, branches = np.logspace(-2.5, 2.5, 7), strength * np.exp(scatter * rng.standard_normal(7))
    return lambda w: 1e3 + np.sum(branches * (x := 1j * w[:, None] * tau) / (1 + x), axis=1)


def power_law(rng: np.random.Generator) -> Spectrum:
    """Two springpots that are equally strong somewhere within the band."""
    a, b = rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.3)
    crossing = 10 ** rng.uniform(*BAND)
    return lambda w: 1e3 * ((1j * w / crossing) ** a + (1j * w / crossing) ** b)


def truth_of(kind: str, rng: np.random.Generator) -> Spectrum:
    """A random material of that kind."""
    if kind == "power law":
        return power_law(rng)
    return solid(rng, 50.0 if kind == "low loss" else 1e3, 1.0 if kind == "uneven solid" else 0.5)


def data_sets(kind: str, sets: int = SETS, first: int = 0) -> DataSets:
    """Data set i comes from seed ``first + i``, whatever the others."""
    omega, found = np.logspace(*BAND, POINTS), []
    for i in range(first, first + sets):
        rng = np.random.default_rng([KINDS.index(kind), i])
        truth = truth_of(kind, rng)
        clean, z = truth(omega), rng.standard_normal((2, POINTS))
        size = np.abs(clean) * (1 + 1j) if kind == "low loss" else clean
        found.append((clean + NOISE * (size.real * z[0] + 1j * size.imag * z[1]), truth))
    modulus = np.array([values for values, _ in found])
    size = np.abs(modulus) * (1 + 1j) if kind == "low loss" else np.abs(modulus.real) + 1j * np.abs(modulus.imag)
    return DataSets(omega, modulus, NOISE * size, tuple(truth for _, truth in found))


# --- judging ---------------------------------------------------------------------------------------------------

MEASURES = ("in", "ex", "ex ln E''", "P in", "P all", "E'' < 0")


def frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Where networks are judged, and which of that is in the band."""
    inner, outer = 3 * 10, 10  # ten points per decade
    u = np.linspace(BAND[0] - 1, BAND[1] + 1, inner + 2 * outer + 1)
    return 10**u, (u > BAND[0] - 1e-9) & (u < BAND[1] + 1e-9)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2)))


def passive_distance(omega: np.ndarray, modulus: np.ndarray) -> float:
    """rms of |E* - nearest passive spectrum| / |E*|."""
    from asperity.rheology.spectrum_estimate import frequency_data, nearest_passive

    _, square = nearest_passive(*frequency_data(omega, modulus, np.abs(modulus)))
    return float(np.sqrt(square / len(omega)))


def judged(predicted: np.ndarray, truths: Sequence[Spectrum]) -> np.ndarray:
    """(sets, measures) in per cent."""
    omega, inside = frequencies()
    rows = []
    for found, truth in zip(predicted, truths):
        right = truth(omega)
        off = (found - right) / np.abs(right)
        with np.errstate(invalid="ignore"):
            loss = np.log(np.where(found.imag > 0, found.imag, np.nan) / right.imag)[~inside]
        rows.append([rms(off[inside]), rms(off[~inside]), rms(loss), passive_distance(omega[inside], found[inside]),
                     passive_distance(omega, found), np.mean(found.imag < 0)])
    return 100 * np.array(rows)


# --- candidates ------------------------------------------------------------------------------------------------


def kk_networks(data: DataSets, output: str, plan: Any, **weights: Any) -> np.ndarray:
    """What `KKNetwork` predicts; ``weights`` as `Penalties`."""
    from asperity.learning.kk_network import Penalties, train_kk_networks
    from asperity.learning.kk_training import complex_moduli

    found = train_kk_networks(data.angular_frequency, data.modulus, data.noise, output=output, plan=plan,
                              penalties=Penalties(**weights))
    return complex_moduli(found.networks, frequencies()[0])


def spectrum_networks(data: DataSets, plan: Any) -> np.ndarray:
    from asperity.learning.kk_training import complex_moduli
    from asperity.learning.spectrum_network import train_spectrum_networks

    found = train_spectrum_networks(data.angular_frequency, data.modulus, data.noise, plan=plan)
    return complex_moduli(found.networks, frequencies()[0])


def smooth_spectra(data: DataSets) -> np.ndarray:
    """Nonnegative least squares with smoothing by the discrepancy principle, without a network."""
    from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
    from asperity.rheology.spectrum_estimate import fit_spectrum

    spectra = fit_spectrum(data.angular_frequency, data.modulus, data.noise).spectrum
    rows = range(len(data.modulus))
    parts = [[np.asarray(a)[i] for a in (spectra.relaxing_modulus, spectra.relaxation_time,
                                         spectra.equilibrium_modulus, spectra.viscosity)] for i in rows]
    return np.array([RelaxationSpectrum(*p).complex_modulus(frequencies()[0]) for p in parts])


@contextmanager
def sign_of_optics() -> Iterator[None]:
    """What `train_kk_networks` refuses: the relations with the sign that is often printed for moduli."""
    from asperity.learning import kk_network

    def wrong(*arguments: Any) -> Any:
        found = right(*arguments)
        return found._replace(storage=-found.storage, loss=-found.loss)

    right = kk_network.kk_matrices
    with mock.patch.object(kk_network, "kk_matrices", wrong):
        yield


@contextmanager
def band_only() -> Iterator[None]:
    """Collocation and quadrature on the measured band alone."""
    from asperity.learning import kk_network

    with mock.patch.multiple(kk_network, _COLLOCATION=0.0, _REACH=0.0):
        yield


def candidates(kind: str, data: DataSets, first: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Names and predictions."""
    from asperity.learning.kk_training import Plan

    plan = Plan(seed=np.arange(first, first + len(data.truths)))
    output = output_of(kind)
    yield "network, data only", kk_networks(data, output, plan, causality=0.0, dissipation=0.0)
    if output == "signed":
        yield "  + dissipation alone", kk_networks(data, output, plan, causality=0.0)
    for form in ("plateau", "lncoth"):
        for weight in (0.1, 1.0, 10.0):
            yield (f"  + KK, {form}, lambda {weight:g}",
                   kk_networks(data, output, plan, form=form, causality=weight))
    yield "  + KK, lncoth, balanced", kk_networks(data, output, plan._replace(balance=True))
    if kind == "solid":
        with band_only():
            for form in ("plateau", "lncoth"):
                yield f"  + KK, {form}, band only", kk_networks(data, output, plan, form=form)
    with sign_of_optics():
        yield "  + KK, the sign of optics", kk_networks(data, output, plan)
    yield "spectrum network", spectrum_networks(data, plan)
    yield "nonnegative spectrum, no network", smooth_spectra(data)


def output_of(kind: str) -> str:
    return "signed" if kind == "low loss" else "log"


# --- tables ----------------------------------------------------------------------------------------------


def row(name: str, scores: np.ndarray) -> None:
    middle, most = np.nanmedian(scores, axis=0), np.nanquantile(scores, 0.9, axis=0)
    cells = " | ".join(f"{m:.3g} ({n:.3g})" if n >= 5e-4 else "0" for m, n in zip(middle, most))
    print(f"| {name} | {cells} |", flush=True)


def compare(kind: str, sets: int) -> dict[str, np.ndarray]:
    """The table of one kind; the scores (sets, measures) of each candidate."""
    data, found = data_sets(kind, sets), {}
    print(f"\n**{kind}**, {sets} data sets\n\n| | {' | '.join(MEASURES)} |\n|{'---|' * (len(MEASURES) + 1)}")
    for name, predicted in candidates(kind, data):
        found[name.strip()] = judged(predicted, data.truths)
        row(name, found[name.strip()])
    return found


def goal(what: str, value: float, bound: float, at_least: bool) -> None:
    met = value >= bound if at_least else value <= bound
    print(f"| {what} | {value:.3g} | {'>=' if at_least else '<='} {bound:g} | {'met' if met else 'MISSED'} |")


def goals(scores: dict[str, np.ndarray]) -> None:
    """The acceptance figures, on solids."""
    middle = {name: dict(zip(MEASURES, np.nanmedian(found, axis=0))) for name, found in scores.items()}
    plain, spectrum = middle["network, data only"], middle["spectrum network"]
    print("\n| solid | found | goal | |\n|---|---|---|---|")
    for form in ("lncoth", "plateau"):
        for measure, weight, bound in (("in", "1", 1.8), ("ex", "1", 3), ("P in", "1", 3), ("P in", "10", 10),
                                       ("P all", "1", 8)):
            ratio = plain[measure] / middle[f"+ KK, {form}, lambda {weight}"][measure]
            goal(f"{measure}: data only / KK, {form}, lambda {weight}", ratio, bound, True)
    goal("spectrum network: in, %", spectrum["in"], 2.3, False)
    goal("spectrum network: ex, %", spectrum["ex"], 8, False)
    goal("spectrum network: P all, %", spectrum["P all"], 1e-3, False)


def many(sets: int) -> None:
    """What lambda = 1 is worth on many solids, with the standard error of a bootstrap over the data sets."""
    from asperity.learning.kk_training import Plan

    data, plan, rng = data_sets("solid", sets), Plan(seed=np.arange(sets)), np.random.default_rng(0)
    plain, held = (judged(kk_networks(data, "log", plan, causality=w), data.truths)[:, :5] for w in (0.0, 1.0))
    ratio = np.median(plain, axis=0) / np.median(held, axis=0)
    rows = rng.integers(sets, size=(1000, sets))
    error = (np.median(plain[rows], axis=1) / np.median(held[rows], axis=1)).std(axis=0)
    cells = " | ".join(f"{r:.3g} +- {e:.2g}" for r, e in zip(ratio, error))
    print(f"\n| data only / KK, lncoth, lambda 1 | {' | '.join(MEASURES[:5])} |\n|{'---|' * 6}\n"
          f"| {sets} solids | {cells} |", flush=True)


def choices(sets: int) -> None:
    """How often held-out blocks choose each form, and what that costs."""
    from asperity.learning.kk_choice import choose_penalties

    print("\n| held-out blocks | plateau chosen | misfit plateau | misfit lncoth |\n|---|---|---|---|")
    for kind in KINDS:
        data = data_sets(kind, sets)
        found = choose_penalties(data.angular_frequency, data.modulus, data.noise, output=output_of(kind))
        middle = np.median(found.misfit, axis=0)
        print(f"| {kind} | {np.mean(found.best == 0):.0%} | {middle[0]:.3g} | {middle[1]:.3g} |", flush=True)


def coverages(sets: int, members: int = 16, kinds: Sequence[str] = KINDS) -> None:
    """The share of true values in bands of 90 % from 16 networks each."""
    from asperity.learning.kk_network import train_kk_networks
    from asperity.learning.kk_training import Plan
    from asperity.learning.network_bands import bands, replicates
    from asperity.learning.spectrum_network import train_spectrum_networks

    print("\n| bands of 90 % | E' in | E'' in | E' ex | E'' ex |\n|---|---|---|---|---|")
    omega, inside = frequencies()
    for kind in kinds:
        data, plan = data_sets(kind, sets), Plan(seed=np.arange(members))
        truth = np.array([one(omega) for one in data.truths])
        output: Any = output_of(kind)
        drawn = data.angular_frequency, *replicates(data.modulus, data.noise, members=members, output=output)
        for name, trained in (("KK", train_kk_networks(*drawn, plan=plan, output=output)),
                              ("spectrum", train_spectrum_networks(*drawn, plan=plan))):
            band = bands(trained.networks, omega)
            held = [(part(band.lower) <= part(truth)) & (part(truth) <= part(band.upper))
                    for part in (np.real, np.imag)]
            cells = " | ".join(f"{h[:, where].mean():.2f}" for where in (inside, ~inside) for h in held)
            print(f"| {kind}, {name} network | {cells} |", flush=True)


def main() -> None:
    sets, start = (4 if "--quick" in sys.argv else SETS), time.process_time()
    print(__doc__.split("\n\n", 2)[2])  # pyright: ignore
    for kind in KINDS:
        found = compare(kind, sets)
        if kind == "solid":
            goals(found)
            many(5 * sets)
    print(f"\n{time.process_time() - start:.0f} s of CPU so far", flush=True)
    choices(sets)
    coverages(sets)
    print(f"\n{time.process_time() - start:.0f} s of CPU")


if __name__ == "__main__":
    main()
