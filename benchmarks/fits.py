"""Fitting generated curves: asperity's batch against scipy's `curve_fit` and lmfit, one curve at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from asperity.learning import noise as noise_model
from asperity.learning.attachment import find_jump
from asperity.learning.batches import Scaled, scale
from asperity.learning.least_squares import Fit, contact_force, least_squares
from asperity.learning.uncertainty import ErrorBars, error_bars, estimate, of_windows
from benchmarks import one_by_one
from benchmarks.generated import Curves, hertz_curves, jkr_curves
from benchmarks.machine import compare
from benchmarks.table import Row, note, ratio

__all__ = ["fit", "fit_hertz", "fit_jkr", "fit_with_covariance", "moduli_of", "squares_of"]


class _Fitted(NamedTuple):
    scaled: Scaled
    fit: Fit


def fit(curves: Curves, *, tilt: bool = True, adhesive: bool = False) -> _Fitted:
    """All curves at once, from arrays in SI to the optimum (with the jump read off the data for adhesion)."""
    with jax.enable_x64(True):
        counted = np.isfinite(curves.force)
        attached = None
        if adhesive:
            attached, counted = find_jump(curves.force, counted)
        scaled = scale(curves.position, curves.force, counted, attached)
        return _Fitted(scaled, least_squares(curves.model, scaled, tilt=tilt))


def fit_with_covariance(curves: Curves, *, adhesive: bool = False) -> ErrorBars:
    """The fit, the noise learnt from what it leaves, and the error bars of the parameters in SI."""
    scaled, best = fit(curves, adhesive=adhesive)
    with jax.enable_x64(True):
        contact = contact_force(curves.model, scaled, best)
        line = best.linear[:, :1] + best.linear[:, 1:2] * scaled.x
        residual = (scaled.y - line - contact) * scaled.force_scale[:, None]
        begins = (np.abs(contact) > 0).argmax(axis=1)
        baselines = [row[: int(0.95 * stop)] for row, stop in zip(residual, begins)]
        found = estimate(curves.model, scaled, best, np.full(len(residual), np.inf), {})
        samples, size = residual.shape[1], noise_model.baseline_length(baselines)
        before = noise_model.of_baselines(baselines, size, samples)
        seen = noise_model.together(of_windows(found.left, found.seen, samples, samples),
                                    noise_model.beyond_windows(before, size, samples))
        some = noise_model.Contrasts(*(part[:64] for part in seen))
        spectra = noise_model.spectra(noise_model.learn(some, samples, size), seen)
        return error_bars(found.response, spectra, samples, samples)


def moduli_of(curves: Curves, fitted: _Fitted) -> np.ndarray:
    """The modulus in Pa of each curve."""
    amplitudes = curves.model.amplitudes

    def one(linear, nonlinear, size):
        scaled = tuple(linear[-amplitudes:] * size)
        return curves.model.with_amplitudes(scaled, tuple(nonlinear[1:])).modulus

    with jax.enable_x64(True):
        return np.asarray(jax.vmap(one)(fitted.fit.linear, fitted.fit.nonlinear, fitted.scaled.force_scale))


def squares_of(fitted: _Fitted) -> np.ndarray:
    """The sum of squares of each curve, N^2."""
    return np.asarray(fitted.fit.sum_of_squares * fitted.scaled.force_scale**2)


def _difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Median and largest relative difference."""
    relative = np.abs(theirs / ours - 1)
    return float(np.nanmedian(relative)), float(np.nanmax(relative))


def _agreement(name: str, ours: np.ndarray, theirs: np.ndarray) -> Row:
    """How far another program's moduli are off."""
    median, largest = _difference(ours, theirs)
    lost = int((~np.isfinite(theirs)).sum())
    return note(f"  {name} against asperity", f"dE/E median {median:.1e}, max {largest:.1e}",
                f"gave up on {lost} of {len(theirs)}", relative_difference=[median, largest], gave_up=lost)


def _excess(name: str, ours: np.ndarray, theirs: np.ndarray) -> Row:
    """By how much another program's sum of squares is above asperity's, in parts."""
    excess = theirs / ours - 1
    lowest, highest = float(np.nanmin(excess)), float(np.nanmax(excess))
    return note(f"  {name}, SSE / ours - 1", f"{lowest:.1e} to {highest:.1e}",
                f"above 1e-6: {int((excess > 1e-6).sum())}, below -1e-6: {int((excess < -1e-6).sum())}",
                excess=[lowest, highest])


def _truth(curves: Curves, ours: _Fitted) -> Row:
    error = np.abs(moduli_of(curves, ours) / curves.modulus - 1)
    lost = int((~ours.fit.converged).sum())
    return note("  asperity against truth", f"dE/E median {np.median(error):.1e}, max {error.max():.1e}",
                f"not converged: {lost} of {len(error)}", error=float(np.median(error)), not_converged=lost)


def fit_hertz(count: int, peers: int, slow: int, repeats: int) -> list[Row]:
    """Hertz with offset and tilt; ``peers`` curves for scipy, ``slow`` for lmfit."""
    curves = hertz_curves(count)
    some, few = curves.first(peers), curves.first(slow)
    ours = fit(curves)
    fit_with_covariance(curves)
    candidates: dict[str, tuple[Callable[[], object], int]] = {
        "asperity": (lambda: fit(curves), count), "covariance": (lambda: fit_with_covariance(curves), count),
        "scipy": (lambda: one_by_one.scipy_hertz(some), peers)}
    lmfit = _has_lmfit()
    if lmfit:
        candidates["lmfit"] = lambda: one_by_one.lmfit_hertz(few), slow
    times = compare(candidates, repeats)
    what = f"fit Hertz, {count} x {curves.force.shape[1]}"
    rows = [ratio(what, times["asperity"], "curve_fit", times["scipy"], 50)]
    if lmfit:
        rows.append(ratio(what, times["asperity"], "lmfit", times["lmfit"], 250))
    rows.append(ratio(what + ", with covariance", times["covariance"], "curve_fit", times["scipy"]))
    modulus, error, squares = one_by_one.scipy_hertz(some)
    errors = fit_with_covariance(curves).std[:peers, 0] / error
    moduli = moduli_of(curves, ours)
    rows += [_truth(curves, ours), _agreement("curve_fit", moduli[:peers], modulus),
             _excess("curve_fit", squares_of(ours)[:peers], squares),
             note("  standard error of E / curve_fit's", f"median {np.median(errors):.2f}",
                  "the noise is white, so that curve_fit's is right", standard_errors=float(np.median(errors)))]
    if lmfit:
        rows.append(_agreement("lmfit", moduli[:slow], one_by_one.lmfit_hertz(few)))
    return rows


def fit_jkr(count: int, peers: int, repeats: int) -> list[Row]:
    """JKR retract curves; scipy is given the same P(D), jump and samples."""
    curves = jkr_curves(count)
    some = curves.first(peers)
    attached, counted = find_jump(some.force, np.isfinite(some.force))
    ours = fit(curves, adhesive=True)
    fit_with_covariance(curves, adhesive=True)
    one_by_one.scipy_jkr(some.first(1), attached[:1], counted[:1])
    times = compare({
        "asperity": (lambda: fit(curves, adhesive=True), count),
        "covariance": (lambda: fit_with_covariance(curves, adhesive=True), count),
        "scipy": (lambda: one_by_one.scipy_jkr(some, attached, counted), peers)}, repeats)
    best, squares = one_by_one.scipy_jkr(some, attached, counted)
    what, peer = f"fit JKR, {count} x {curves.force.shape[1]}", "curve_fit, same P(D)"
    return [ratio(what, times["asperity"], peer, times["scipy"], 30),
            ratio(what + ", with covariance", times["covariance"], peer, times["scipy"]),
            _truth(curves, ours),
            _agreement("curve_fit", moduli_of(some, ours)[:peers], one_by_one.scipy_jkr_moduli(some, best)),
            _excess("curve_fit", squares_of(ours)[:peers], squares)]


def _has_lmfit() -> bool:
    from importlib.util import find_spec

    return find_spec("lmfit") is not None
