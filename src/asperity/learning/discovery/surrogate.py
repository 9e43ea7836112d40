r"""A stand-in for an expensive solver: in groups without a unit, about an exact limit, with an error bar and a guard.

The solver is asked at the points of a Sobol sequence in a box of groups, denser towards the edges by
$x = \sin \pi u / 2$ (of even points, those at an edge decide all errors). What is learnt is z, the distance of its
output y from a limit $y_0$ that is known exactly (`Ratio`: $z = \ln y/y_0$; `Between`: the logit between two limits),
by polynomial chaos and by a Gaussian process. The one with the smaller error of leaving one out speaks; its standard
deviation is the larger of that error (each point counts by the volume for which it stands) and the standard deviation
of the process there. Outside the box nothing is said:
a call raises, `Surrogate.told` gives NaN and says so. Everything is differentiable and works under `jit` and `vmap`.

A symmetry, a limit and the units are exact whatever the regression does, as they are built in.

Source: Buckingham, Phys. Rev. 4, 345 (1914) (groups); Sobol, USSR Comput. Math. Math. Phys. 7, 86 (1967) (points).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.stats import qmc

from asperity.learning.discovery.dimensions import Group
from asperity.learning.discovery.polynomial_chaos import PolynomialChaos, polynomial_chaos
from asperity.learning.discovery.smooth_process import SmoothKernel, SmoothProcess, smooth_process
from asperity.messages import ArgumentError, DataError, one_of

__all__ = ["SCALES", "AbstractLimit", "Axis", "Between", "Derived", "Difference", "Ratio", "Surrogate",
           "SurrogateValue", "arrays_of", "surrogate", "surrogate_of_arrays"]

_EDGE = 1e-9  # of the width of the box, by which rounding may lead out of it
_POISSON_SCALE = 0.02  # of 1 - 2 nu, within which thin layers become incompressible
_REACH_SCALE = 0.5  # of a length over a thickness, from which on a base is felt
_NORMAL = 1.959964  # standard deviations of 95 %

#: name -> (to a coordinate in which functions are smooth, and back)
SCALES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "linear": (lambda v: v, lambda x: x),
    "logarithmic": (jnp.log, jnp.exp),
    # of Poisson's ratio of a layer between two bodies; of a length over its thickness
    "incompressible": (lambda v: -jnp.log1p((1 - 2 * v) / _POISSON_SCALE),
                       lambda x: 0.5 - _POISSON_SCALE / 2 * jnp.expm1(-x)),
    "reach": (lambda v: jnp.log1p(v / _REACH_SCALE), lambda x: _REACH_SCALE * jnp.expm1(x)),
}


class Derived(NamedTuple):
    """A number without a unit that is no product of powers: a function of the quantities by name."""

    name: str
    function: Callable[[Mapping[str, Any]], Any]

    def value(self, values: Mapping[str, Any]) -> Float[Array, ...]:
        """Of those of the quantities."""
        return jnp.asarray(self.function(values))


class Axis(NamedTuple):
    """One side of the box: a group between two values, both included, and the scale in which points are even."""

    group: Group | Derived
    low: float
    high: float
    scale: str = "logarithmic"


class AbstractLimit(eqx.Module):
    """What is known of the output, as a function of the groups (in the order of the axes)."""

    @abstractmethod
    def latent(self, output: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """z, which is learnt."""

    @abstractmethod
    def output(self, latent: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """y, of z."""


@final
class Ratio(AbstractLimit):
    r"""$y = y_0 e^z$, of an output that is positive; relative errors are those of z."""

    limit: Callable[[Float[Array, " axis"]], Any] = eqx.field(static=True)

    def latent(self, output: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The logarithm of the ratio."""
        return jnp.log(output / self.limit(groups))

    def output(self, latent: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The limit times the ratio."""
        return self.limit(groups) * jnp.exp(latent)


@final
class Difference(AbstractLimit):
    """y = y0 + z."""

    limit: Callable[[Float[Array, " axis"]], Any] = eqx.field(static=True)

    def latent(self, output: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The difference."""
        return output - self.limit(groups)

    def output(self, latent: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The limit and the difference."""
        return self.limit(groups) + latent


@final
class Between(AbstractLimit):
    r"""$y = y_0 + (y_1 - y_0) / (1 + e^{-z})$, of an output with a limit on both sides, which it never passes."""

    lower: Callable[[Float[Array, " axis"]], Any] = eqx.field(static=True)
    upper: Callable[[Float[Array, " axis"]], Any] = eqx.field(static=True)

    def latent(self, output: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The logit of the share of the way."""
        return jnp.log((output - self.lower(groups)) / (self.upper(groups) - output))

    def output(self, latent: Float[Array, ""], groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The share of the way, logistic."""
        lower = self.lower(groups)
        return lower + (self.upper(groups) - lower) * jax.nn.sigmoid(latent)


class SurrogateValue(NamedTuple):
    """What a surrogate says."""

    value: Float[Array, ""]
    std: Float[Array, ""]
    inside: Bool[Array, ""]  # the box; outside the others are NaN

    @property
    def interval(self) -> tuple[Array, Array]:
        """Ends of 95 %."""
        return self.value - _NORMAL * self.std, self.value + _NORMAL * self.std


@final
class Surrogate(eqx.Module):
    """A solver's stand-in within its box: call it with groups or quantities by name."""

    polynomial: PolynomialChaos
    process: SmoothProcess
    error: Float[Array, ""]  # of leaving one out, of the one that speaks, in z
    limit: AbstractLimit
    axes: tuple[Axis, ...] = eqx.field(static=True)
    by_polynomial: bool = eqx.field(static=True)  # whether the polynomial speaks, not the process

    def __call__(self, **quantities: Any) -> SurrogateValue:
        """Value and standard deviation of the output, by groups, or by quantities of which they are made.

        Raises:
            ArgumentError: one is missing, or a group is outside the box.
        """
        told = self.told(self.groups(quantities))
        if not bool(jnp.all(told.inside)):
            self._refuse(quantities)
        return told

    def groups(self, quantities: Mapping[str, Any]) -> Float[Array, "*points axis"]:
        """Those of these quantities, or the groups themselves, by name.

        Raises:
            ArgumentError: one is missing.
        """
        return jnp.stack(jnp.broadcast_arrays(*(_value(axis.group, quantities) for axis in self.axes)), axis=-1)

    def told(self, groups: Float[Array, "*points axis"]) -> SurrogateValue:
        """What is said at one point or at many; NaN outside the box."""
        one = self._told
        for _ in range(jnp.ndim(groups) - 1):
            one = jax.vmap(one)
        return one(jnp.asarray(groups))

    def mean(self, groups: Float[Array, " axis"]) -> Float[Array, ""]:
        """The value alone, at one point, without the guard: the fastest way for points that are known to be inside."""
        return self.limit.output(self._latent(self._place(groups)), groups)

    def slopes(self, groups: Float[Array, " axis"]) -> Float[Array, " axis"]:
        """Of the value with each group, at one point; NaN outside the box."""
        return jnp.where(self.inside(groups), jax.grad(self.mean)(groups), jnp.nan)

    def inside(self, groups: Float[Array, " axis"]) -> Bool[Array, ""]:
        """Whether one point is in the box."""
        return jnp.all(jnp.abs(self._place(groups)) <= 1 + _EDGE)

    @property
    def left_out(self) -> Float[Array, " point"]:
        """What each point was wrong by in z when it was left out."""
        return (self.polynomial if self.by_polynomial else self.process).left_out

    def _told(self, groups: Array) -> SurrogateValue:
        place = self._place(groups)
        latent, inside = self._latent(place), jnp.all(jnp.abs(place) <= 1 + _EDGE)
        std = jnp.maximum(self.error, self.process.std(place))
        value, slope = jax.jvp(lambda z: self.limit.output(z, groups), (latent,), (jnp.ones_like(latent),))
        told, wide = (jnp.where(inside, one, jnp.nan) for one in (value, std * jnp.abs(slope)))
        return SurrogateValue(told, wide, inside)

    def _latent(self, place: Array) -> Array:
        return (self.polynomial if self.by_polynomial else self.process)(place)

    def _place(self, groups: Array) -> Array:
        """In [-1, 1]^d."""
        low, high = _ends(self.axes)
        warped = jnp.stack([SCALES[axis.scale][0](groups[i]) for i, axis in enumerate(self.axes)])
        return 2 * (warped - low) / (high - low) - 1

    def _refuse(self, quantities: Mapping[str, Any]) -> None:
        groups = np.asarray(self.groups(quantities), float)
        for i, axis in enumerate(self.axes):
            out = ~((groups[..., i] >= axis.low * (1 - _EDGE)) & (groups[..., i] <= axis.high * (1 + _EDGE)))
            if out.any():
                wrong = np.atleast_1d(groups[..., i])[np.atleast_1d(out)][0]
                raise ArgumentError(f"{axis.group.name} = {wrong:g} is outside {axis.low:g} to {axis.high:g}, in which "
                                    "this surrogate was made: it says nothing there; ask the solver, or make one with "
                                    "a wider box")
        raise ArgumentError("a point lies outside the box of this surrogate: it says nothing there; ask the solver")


def surrogate(solver: Callable[[Float[np.ndarray, "point axis"]], Any], axes: Sequence[Axis], limit: AbstractLimit, *,
              solves: int = 256, seed: int = 0) -> Surrogate:
    """A stand-in for the ``solver``, of so many outputs of it.

    Args:
        solver: the outputs (point,) at groups (point, axis) in the order of the axes.
        axes: of the box.
        limit: what is known of the output.
        solves: points at which the solver is asked, best a power of 2.
        seed: of the scrambling of their sequence.

    Raises:
        ArgumentError: an axis is empty, or has an unknown scale.
        DataError: the solver fails at a point, or its output is on the wrong side of a limit.
    """
    axes = tuple(axes)
    for axis in axes:
        one_of(f"scale of {axis.group.name}", axis.scale, SCALES)
        if not axis.low < axis.high:
            raise ArgumentError(f"{axis.group.name} from {axis.low:g} to {axis.high:g}: the lower end comes first")
    with jax.enable_x64(True):
        places = np.sin(np.pi * (qmc.Sobol(len(axes), rng=seed).random(solves) - 0.5))
        groups = groups_at(axes, places)
        outputs = jnp.asarray(solver(groups), float)
        latent = np.asarray(jax.vmap(limit.latent)(outputs, jnp.asarray(groups)))
        if not np.isfinite(latent).all():
            at = ", ".join(f"{axis.group.name} = {one:.4g}" for axis, one in
                           zip(axes, groups[np.argmin(np.isfinite(latent))]))
            raise DataError(f"the output at {at} is {float(outputs[np.argmin(np.isfinite(latent))]):g}, from which no "
                            "distance to the limit follows: does the solver fail there, or does the limit not hold? "
                            "Make the box smaller, or take another limit")
        found = polynomial_chaos(places, latent, weights=_volumes(places)), smooth_process(places, latent)
        return _better(*found, axes, limit)


def _volumes(places: Float[np.ndarray, "point axis"]) -> Float[np.ndarray, " point"]:
    """For which each point stands."""
    return np.sqrt(np.maximum(1 - np.asarray(places) ** 2, 0.0)).prod(axis=1)


def _better(polynomial: PolynomialChaos, process: SmoothProcess, axes: tuple[Axis, ...],
            limit: AbstractLimit) -> Surrogate:
    """The one with the smaller error of leaving one out speaks."""
    errors = [float(np.sqrt(np.average(np.asarray(one.left_out) ** 2, weights=_volumes(np.asarray(process.places)))))
              for one in (polynomial, process)]
    return Surrogate(polynomial, process, jnp.asarray(min(errors)), limit, axes, errors[0] <= errors[1])


def groups_at(axes: Sequence[Axis], places: Float[np.ndarray, "point axis"]) -> Float[np.ndarray, "point axis"]:
    """The groups at places in [-1, 1]^d."""
    low, high = _ends(axes)
    warped = low + (high - low) * (np.asarray(places) + 1) / 2
    return np.stack([np.asarray(SCALES[axis.scale][1](warped[:, i])) for i, axis in enumerate(axes)], axis=1)


def _ends(axes: Sequence[Axis]) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of each axis in its scale."""

    def ends(side: str) -> np.ndarray:
        return np.array([float(SCALES[axis.scale][0](getattr(axis, side))) for axis in axes])

    with jax.ensure_compile_time_eval():
        return ends("low"), ends("high")


def _value(group: Group | Derived, quantities: Mapping[str, Any]) -> Array:
    if group.name in quantities:
        return jnp.asarray(quantities[group.name])
    try:
        return group.value(quantities)
    except KeyError as missing:
        raise ArgumentError(f"{group.name} needs {missing.args[0]}, which is not given; given: "
                            f"{', '.join(quantities) or 'nothing'}") from None


def arrays_of(found: Surrogate) -> dict[str, np.ndarray]:
    """All that was learnt, as plain arrays for one ``numpy.savez``; groups and limit are not in it."""
    kernel, process = found.process.kernel, found.process
    return {"names": np.array([axis.group.name for axis in found.axes]),
            "scales": np.array([axis.scale for axis in found.axes]),
            "box": np.array([[axis.low, axis.high] for axis in found.axes]),
            "degrees": np.array(found.polynomial.degrees),
            **{name: np.asarray(one) for name, one in {
                "coefficients": found.polynomial.coefficients, "polynomial_left_out": found.polynomial.left_out,
                "places": process.places, "amplitude": kernel.amplitude, "lengths": kernel.lengths,
                "mean": process.mean, "scale": process.scale, "weights": process.weights,
                "whitening": process.whitening, "process_left_out": process.left_out}.items()}}


def surrogate_of_arrays(arrays: Mapping[str, Any], groups: Sequence[Group | Derived],
                        limit: AbstractLimit) -> Surrogate:
    """The surrogate that `arrays_of` told, of the same groups and limit.

    Raises:
        ArgumentError: the groups have other names, or are in another order.
    """
    names = [str(name) for name in arrays["names"]]
    if names != [group.name for group in groups]:
        raise ArgumentError(f"groups {', '.join(group.name for group in groups)}: the arrays are of {', '.join(names)}")
    axes = tuple(Axis(group, float(low), float(high), str(scale)) for group, (low, high), scale in
                 zip(groups, arrays["box"], arrays["scales"], strict=True))
    with jax.enable_x64(True):
        own = {name: jnp.asarray(one) for name, one in arrays.items() if np.asarray(one).dtype.kind == "f"}
        kernel = SmoothKernel(own["amplitude"], own["lengths"])
        process = SmoothProcess(own["places"], kernel, own["mean"], own["scale"], own["weights"], own["whitening"],
                                own["process_left_out"])
        degrees = tuple(map(tuple, np.asarray(arrays["degrees"]).tolist()))
        return _better(PolynomialChaos(own["coefficients"], own["polynomial_left_out"], degrees), process, axes, limit)
