r"""A free amplitude and a set point for a bounded peak force in amplitude modulation: the balance of one harmonic.

A lever of stiffness k and quality Q, driven at its resonance, oscillates as $d = z + A\cos\theta$ over the sample. What
its force does in phase with the motion sets the phase, and without dissipation $\sin\varphi = A/A_0$, so that

$$-2\,\langle F(d)\cos\theta\rangle = \frac{kA_0}{Q}\sqrt{1 - (A/A_0)^2}$$

on the repulsive branch. With Hertz's contact and van der Waals attraction that is one equation for the largest
indentation $\delta$, whose left-hand side is integrated over the contact and outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.contact import Hertz
from asperity.data.verbs import verb
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, Motion, steady
from asperity.dynamics.tip_force import TipForce
from asperity.learning.discovery import design
from asperity.learning.discovery.design import Aim, InverseProblem
from asperity.learning.discovery.newton import newton
from asperity.measurements.discovery.inverse.finishing import finished, in_words, preferred
from asperity.measurements.discovery.inverse.posterior import Input, Knowledge, known_of
from asperity.measurements.discovery.inverse.question import Question, Request, aims_of, answer
from asperity.report.numbers import plain

__all__ = ["design_setpoint", "simulated_force", "tapped_sample"]

#: a polymer, as in `asperity.tapping`
_SAMPLE = {"modulus": Input("Pa", 1e9, 0.10),
           "poisson_ratio": Input("1", 0.3),
           "hamaker": Input("J", 6.4e-20, 0.20, most=1e-17)}
_LEVER = {"spring_constant": Input("N/m", 40.0, 0.10),
          "quality": Input("1", 400.0, 0.05, least=10.0, most=1e6),  # below 10 one harmonic is not enough
          "radius": Input("m", 10e-9, 0.20),
          "frequency": Input("Hz", 300e3, most=1e9)}
_VARIABLES = {"free_amplitude": (5e-9, 100e-9),  # m; smaller oscillations mostly stay attracted
              "set_point": (0.5, 0.98)}  # amplitude over free amplitude
#: aim -> (small, bound where nobody gives one)
_TARGETS = {"contact_force": (True, 12e-9),  # N
            "amplitude_drop": (False, 1e-9)}  # m: what the feedback sees
_SLOPE = 0.5  # contact radius over tip radius: a paraboloid is off by some percent there
_FREE = 10.0  # times the attraction that the lever pulls with at least: else the tip sticks, or is only attracted
_CUTOFF = 0.165e-9  # m, between atoms in contact
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)  # of each integral
_DEEPEST = 0.5  # of the amplitude, the largest indentation that is looked at
_OFF = 0.05  # relative difference of the simulated force from which on it is a doubt
_PASSED = (-0.09, 0.09, 7)  # of the amplitude, heights at which a lever is simulated, and how many
_UNITS = {"free_amplitude": ("m", "free amplitude"), "set_point": ("1", "amplitude over free amplitude"),
          "contact_force": ("N", "largest repulsion in the contact"),
          "amplitude_drop": ("m", "free amplitude less amplitude"),
          "contact_over_tip_radius": ("1", "contact radius over tip radius"),
          "pull_over_attraction": ("1", "spring constant times amplitude over the attraction in contact"),
          "indentation": ("m", "largest indentation")}


def _in_phase(depth: Any, amplitude: Any, known: Mapping[str, Any]) -> tuple[Any, Any]:
    r"""$-2\langle F\cos\theta\rangle$ (N) of the contact, and minus that of the attraction, at a depth (m)."""
    s, weight = (jnp.asarray(_NODES) + 1) / 2, jnp.asarray(_WEIGHTS) / 2
    share = depth / amplitude
    # in contact cos(theta) = -1 + share s^2, 0 < s < 1; measured from the lowest point, it ends at the edge
    level = share * s**2
    inside = weight * (1 - level) * 2 * jnp.sqrt(share) / jnp.sqrt(2 - level)
    root = jnp.sqrt(1 - s**2)
    contact = _elastic(depth, known) * (inside * root**3).sum()
    edge = 2 * jnp.arcsin(jnp.sqrt(share / 2))
    angle = edge + (jnp.pi - edge) * s**3  # outside of it, dense at the edge
    distance = _CUTOFF + 2 * amplitude * jnp.sin((angle + edge) / 2) * jnp.sin((angle - edge) / 2)
    outside = weight * (_CUTOFF / distance) ** 2 * jnp.cos(angle) * 3 * s**2 * (jnp.pi - edge)
    stick = known["hamaker"] * known["radius"] / (6 * _CUTOFF**2)
    return 2 / jnp.pi * contact, 2 / jnp.pi * stick * (inside.sum() + outside.sum())


def _elastic(depth: Any, known: Mapping[str, Any]) -> Any:
    """N, Hertz."""
    modulus = known["modulus"] / (1 - known["poisson_ratio"] ** 2)
    return 4 / 3 * modulus * jnp.sqrt(known["radius"]) * depth**1.5


def tapped_sample(chosen: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from ``free_amplitude`` (m) and ``set_point`` on the repulsive branch: forces, indentation; in SI.

    Source: San Paulo, Garcia, Phys. Rev. B 64, 193411 (2001).
    """
    free, ratio = chosen["free_amplitude"], chosen["set_point"]
    amplitude, k = free * ratio, known["spring_constant"]
    wanted = k * free / known["quality"] * jnp.sqrt(1 - ratio**2)
    # of a short contact and no attraction: 3/8 F_max sqrt(2 depth / A) on the left-hand side
    guess = jnp.sqrt(8 / 3 * wanted * jnp.sqrt(amplitude / 2) / _elastic(1.0, known))

    def excess(logarithm: Any) -> Any:
        contact, attraction = _in_phase(jnp.exp(logarithm), amplitude, known)
        return jnp.log(contact) - jnp.log(wanted + attraction)

    most = jnp.log(_DEEPEST * amplitude)
    depth = jnp.exp(newton(excess, 0.0, jnp.minimum(jnp.log(guess), most), most=jax.lax.stop_gradient(most)))
    return {"contact_force": _elastic(depth, known),
            "amplitude_drop": free - amplitude,
            "contact_over_tip_radius": jnp.sqrt(depth / known["radius"]), "indentation": depth,
            "pull_over_attraction": 6 * _CUTOFF**2 * k * amplitude / (known["hamaker"] * known["radius"])}


@verb(results="results")
def design_setpoint(results: xr.Dataset | None = None, *, sample: Mapping[str, float] | None = None,
                    targets: Mapping[str, float] | None = None, lever: Mapping[str, float] | None = None,
                    probability: float = 0.9, prefer: str = "amplitude_drop", draws: int = 1000,
                    seed: int = 0) -> xr.Dataset:
    """The free amplitude and the set point of amplitude modulation for a bounded force on the sample.

    The balance of one harmonic is what the search works with; the proposal is simulated besides, and told.

    Args:
        results: of a fit with modulus: draws are of its curves. Else ``sample`` says it.
        sample: ``modulus`` (Pa) and ``hamaker`` (J), both with ``..._std`` (relative), ``poisson_ratio``.
        targets: ``contact_force`` (N, at most: the largest repulsion, without the attraction that pulls besides),
            ``amplitude_drop`` (m, at least: what the feedback sees).
        lever: ``spring_constant`` (N/m), ``quality``, ``radius`` (m) of the tip, each with ``..._std``; ``frequency``.
        probability: wanted, that all targets are met.
        prefer: ``contact_force`` or ``amplitude_drop``, which is improved as far as the probability allows.
        draws: of what is known, that search; four times as many judge.
        seed: of the draws.

    Returns:
        as `asperity.measurements.discovery.inverse.tip.design_tip`.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.
        DataError: results without a usable curve.
    """
    index = preferred(prefer, ("contact_force", "amplitude_drop"))
    aims, taken = aims_of(targets, _TARGETS, _UNITS)
    known = known_of({"sample": sample, "lever": lever}, {"sample": _SAMPLE, "lever": _LEVER}, results)
    problem = InverseProblem(tapped_sample, _VARIABLES, (aims["contact_force"], aims["amplitude_drop"]), (
        Aim("contact_over_tip_radius", True, _SLOPE), Aim("pull_over_attraction", False, _FREE)))
    made = answer(Question("setpoint", {"": problem}, _UNITS, known, Request(probability, index, draws, seed)))
    arguments = {"sample": sample, "targets": targets, "lever": lever, "probability": probability, "prefer": prefer,
                 "draws": draws, "seed": seed}
    words = in_words(known.taken | taken, {**_SAMPLE, **_LEVER}, _UNITS)
    return finished(made, "design_setpoint", arguments, words, results, (tapped_sample, design),
                    _simulated(made, known))


def _simulated(made: xr.Dataset, known: Knowledge) -> list[str]:
    """What a simulation finds at the proposal, by the best estimate."""
    row = made.isel(design=int(np.flatnonzero(made["role"].values == "proposal")[0]))
    free, amplitude = float(row["free_amplitude"]), float(row["free_amplitude"] * row["set_point"])
    expected = float(row["contact_force"])
    found = simulated_force(free, amplitude, known.values)
    if not np.isfinite(found):
        return ["A simulation of the proposal settled on no repulsive oscillation with that set point, even begun with "
                "it: see 'asperity tapping' for the branches."]
    off = expected / found - 1
    said = [f"A simulation of the proposal finds a largest repulsion of {plain(found, 'N')} on the repulsive branch, "
            f"where the balance of one harmonic says {plain(expected, 'N')} ({100 * off:+.1f} %)."]
    if abs(off) > _OFF:
        said.append("That is more than the search can be trusted with: harmonics or the mean deflection count; widen "
                    "the bound of the contact force by as much, or raise the quality factor.")
    return said


def simulated_force(free: float, amplitude: float, known: Mapping[str, float]) -> float:
    """N, the largest repulsion of a simulated lever with this amplitude (m) on the repulsive branch; NaN if none.

    At heights about that of the balance, each begun with the motion that the balance expects: another branch may be
    stable there too, and what a lever shows depends on how it came there.
    """
    with jax.enable_x64(True):
        lever = Cantilever(known["spring_constant"], known["frequency"], known["quality"])
        given = {name: jnp.asarray(value, float) for name, value in known.items()}
        contact = Hertz(radius=given["radius"], modulus=given["modulus"], poisson_ratio=given["poisson_ratio"])
        force = TipForce(contact, given["radius"], given["hamaker"], jnp.asarray(_CUTOFF))
        drive = Drive.at_resonance(lever, free)
        told = tapped_sample({"free_amplitude": jnp.asarray(free), "set_point": jnp.asarray(amplitude / free)}, known)
        heights = amplitude * (1 + np.linspace(*_PASSED)) + _CUTOFF - told["indentation"]
        turned = amplitude * np.array([np.sqrt(1 - (amplitude / free) ** 2), amplitude / free]) - [0.0, free]
        start = Motion(jnp.asarray(turned)[None], jnp.asarray(False), jnp.asarray(False))
        found = jax.jit(jax.vmap(lambda at: steady(lever, drive, force, at, start, steps=512)))(heights)
        good = np.asarray(found.settled & (found.phase < jnp.pi / 2))
        swing, peak = np.asarray(found.amplitude)[good], np.asarray(found.peak_force)[good]
    if len(swing) < 2 or not swing.min() <= amplitude <= swing.max():
        return float("nan")
    order = np.argsort(swing)
    stick = known["hamaker"] * known["radius"] / (6 * _CUTOFF**2)
    return float(np.interp(amplitude, swing[order], peak[order] + stick))
