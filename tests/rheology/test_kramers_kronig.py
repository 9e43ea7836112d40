"""Kramers-Kronig relations: sign, convergence, conventions, finite bands, matrices for a training loss."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from asperity.rheology import kramers_kronig as kk
from asperity.rheology.finite_band import finite_band, ln_coth_integral, ln_coth_weights

pytestmark = pytest.mark.usefixtures("x64")


def standard_linear_solid(omega):
    return 1 + 9j * omega / (1 + 1j * omega)


def five_modes(omega):
    tau, strength = 10.0 ** np.arange(-2, 3), np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    x = 1j * np.asarray(omega)[..., None] * tau
    return 0.5 + (strength * x / (1 + x)).sum(-1)


def fractional_zener(omega, order=0.5):
    x = (1j * omega) ** order
    return 1 + 9 * x / (1 + x)


#: material, E' at zero and at infinite frequency
SOLIDS = {"solid": (standard_linear_solid, 1.0, 10.0), "modes": (five_modes, 0.5, 9.5),
          "fractional": (fractional_zener, 1.0, 10.0)}


def grid(per_decade, reach=8):
    return np.logspace(-reach, reach, 2 * reach * per_decade + 1)


def errors(name, per_decade):
    """Worst errors of KK1, KK2, KK3 over the central four decades, relative to the step of E' or the peak of E''."""
    material, low, high = SOLIDS[name]
    omega = grid(per_decade)
    true = material(omega)
    center = np.abs(np.log10(omega)) < 2.001
    found = (kk.storage_from_plateau(omega, true.imag, high), kk.loss_from_storage(omega, true.real),
             kk.storage_from_equilibrium(omega, true.imag, low))
    scale = (high - low, true.imag.max(), high - low)
    return [float(np.abs(f - t)[center].max() / s)
            for f, t, s in zip(found, (true.real, true.imag, true.real), scale)]


# ---------------------------------------------------------------- sign

@pytest.mark.parametrize("name", ["solid", "modes"])
def test_relations_hold(name):
    assert max(errors(name, 10)) < 5e-6


def test_relations_hold_for_slow_tails():
    """The loss beyond the grid, 9 sin(pi/4) 1e-4 (2/pi) / 0.5 of the storage, is all that is missing."""
    first, second, third = errors("fractional", 10)
    missing = 2 / np.pi * np.sin(np.pi / 4) * 1e-4 / 0.5
    assert first == pytest.approx(missing, rel=0.02)
    assert third == pytest.approx(missing, rel=0.02)
    assert second < 5e-6
    assert missing < 2e-4


@pytest.mark.parametrize("name", list(SOLIDS))
def test_sign_of_optics_is_exactly_the_negative(name):
    """The literal form of the literature, for moduli, gives minus what is true."""
    material, _, high = SOLIDS[name]
    omega = grid(10)
    true = material(omega)
    for relation, values in ((kk.storage_from_plateau, true.imag), (kk.storage_from_equilibrium, true.imag),
                             (kk.loss_from_storage, true.real)):
        assert np.array_equal(relation(omega, values, convention="optics"), -relation(omega, values))
    middle = len(omega) // 2
    literal = kk.storage_from_plateau(omega, true.imag, high, convention="optics")[middle]
    assert literal - high == pytest.approx(high - true.real[middle], rel=1e-3)  # +4.5 where the truth is -4.5


@pytest.mark.parametrize("order", [0.2, 0.7])
def test_power_laws_without_plateau(order):
    """KK3 and KK2 of (i w)^b with the tails beyond the grid added, the integrals of x^(b-3), x^(b-1) and x^(b-2).

    KK2 itself goes on with a constant, 1 instead of 1 / (1 - b). What is left is the error of the rules at the
    low end, at most h^2/2 of the slope there (half a node of a line).
    """
    omega = np.logspace(-12, 12, 24 * 10 + 1)
    true = (1j * omega) ** order
    center = np.abs(np.log10(omega)) < 1.01
    sine, cosine = np.sin(np.pi * order / 2), np.cos(np.pi * order / 2)
    edge = omega[-1]
    w = omega[center]
    missing_storage = -2 / np.pi * w**2 * sine * edge ** (order - 2) / (2 - order)
    missing_loss = 2 / np.pi * w * cosine * edge ** (order - 1) * (1 / (1 - order) - 1)
    storage = kk.storage_from_equilibrium(omega, true.imag)[center] + missing_storage
    loss = kk.loss_from_storage(omega, true.real)[center] + missing_loss
    below = 2 / np.pi * sine * omega[0] ** order / order  # of the storage: what lies below the grid
    ragged = (np.log(10) / 10 * order) ** 2 / 2 * below
    assert np.allclose(storage + below, true.real[center], rtol=1e-8, atol=ragged)
    assert np.allclose(loss, true.imag[center], rtol=1e-6)


def test_compliance_obeys_the_other_sign():
    omega = grid(10)
    compliance = 1 / standard_linear_solid(omega)
    center = np.abs(np.log10(omega)) < 2
    storage = kk.storage_from_plateau(omega, -compliance.imag, 0.1, convention="compliance")
    assert np.allclose(storage[center], compliance.real[center], atol=5e-6)
    loss = kk.loss_from_storage(omega, compliance.real, convention="compliance")
    assert np.allclose(loss[center], -compliance.imag[center], atol=5e-6)


def test_single_value_against_an_independent_quadrature():
    """KK1 and KK2 at w = 0.7 by mpmath, the pole folded away."""
    with mpmath.workdps(20):
        def folded(f, w):
            return mpmath.quad(lambda x: f(w * mpmath.exp(x)) + f(w * mpmath.exp(-x)), [0, 0.5, 2, 8, 40],
                               method="gauss-legendre")
        loss = lambda x: 9 * x / (1 + x * x)  # noqa: E731
        w = mpmath.mpf("0.7")
        integral = float(2 / mpmath.pi * folded(lambda x: x * x * loss(x) / (x * x - w * w), w))
    omega = 0.7 * grid(10)
    true = standard_linear_solid(omega)
    ours = kk.storage_from_plateau(omega, true.imag, 10.0)[len(omega) // 2]
    assert 10 - integral == pytest.approx(float(ours), abs=1e-6)


# ---------------------------------------------------------------- numerics

@pytest.mark.parametrize("name", ["solid", "modes"])
def test_convergence(name):
    assert max(errors(name, 4)) < 1e-3
    assert max(errors(name, 5)) < 2e-4
    eighth = errors(name, 8)
    assert eighth[0] < 1e-6
    assert eighth[1] < 5e-6
    assert eighth[2] < 1e-6


def test_error_falls_as_the_midpoint_rule_on_an_analytic_function():
    """4 e^(-pi^2/2h): doubling the density squares the error, until the truncation shows."""
    coarse, fine = errors("solid", 3)[0], errors("solid", 6)[0]
    step = np.log(10) / 3
    assert coarse == pytest.approx(4 * np.exp(-np.pi**2 / 2 / step), rel=0.6)
    assert fine < 3 * coarse**2


@pytest.mark.parametrize("name", list(SOLIDS))
def test_fft_equals_dense(name):
    omega = grid(10)
    true = SOLIDS[name][0](omega)
    for relation, values in ((kk.storage_from_plateau, true.imag), (kk.storage_from_equilibrium, true.imag),
                             (kk.loss_from_storage, true.real)):
        dense, fast = relation(omega, values), relation(omega, values, method="fft")
        assert np.abs(dense - fast).max() < 1e-12 * np.abs(dense).max()


def test_batches_and_gradients():
    omega = grid(4, 4)
    loss = np.stack([standard_linear_solid(omega).imag, five_modes(omega).imag])
    both = kk.storage_from_plateau(omega, loss, np.array([10.0, 9.5]))
    assert np.allclose(both[1], kk.storage_from_plateau(omega, loss[1], 9.5))
    gradient = jax.grad(lambda x: kk.storage_from_plateau(omega, x)[16])(jnp.ones(len(omega)))
    assert gradient[16] == 0
    assert float(gradient[17]) == pytest.approx(-np.log(10) / np.pi / (1 - 10 ** -0.5))


def test_bad_input_is_named():
    omega = grid(4, 2)
    with pytest.raises(ValueError, match="constant ratio"):
        kk.loss_from_storage(omega**1.1 + omega, omega)
    with pytest.raises(ValueError, match="shape"):
        kk.loss_from_storage(omega, omega[1:])
    with pytest.raises(ValueError, match="convention"):
        kk.loss_from_storage(omega, omega, convention="physics")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="method"):
        kk.loss_from_storage(omega, omega, method="fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="form"):
        kk.kk_matrices(np.log(omega), [1, 2], "local")  # type: ignore[arg-type]


def test_convention_of_data():
    omega = np.logspace(-2, 2, 30)
    modulus, compliance = standard_linear_solid(omega), 1 / standard_linear_solid(omega)
    kk.check_convention(modulus.real, modulus.imag, "modulus")
    kk.check_convention(compliance.real, -compliance.imag, "compliance")
    with pytest.raises(ValueError, match="rises with frequency"):
        kk.check_convention(modulus.real, modulus.imag, "optics")
    with pytest.raises(ValueError, match="falls with frequency"):
        kk.check_convention(compliance.real, -compliance.imag, "modulus")


# ---------------------------------------------------------------- finite bands

def test_antiderivative_of_ln_coth():
    def quadrature(x):
        return float(mpmath.quad(lambda t: mpmath.log(mpmath.coth(t / 2)), [0, x / 16, x / 4, x]))
    for x in (1e-3, 0.1, 1.0, 5.0):
        assert ln_coth_integral(x) == pytest.approx(quadrature(x), rel=1e-12)
        assert ln_coth_integral(-x) == -ln_coth_integral(x)
    assert ln_coth_integral(60.0) == pytest.approx(np.pi**2 / 4, rel=1e-14)


def test_weights_are_exact_for_lines():
    """f = u on [-1, 1], constant beyond: the integral of ln coth alone, by the antiderivative's own definition."""
    nodes = np.array([-1.0, -0.3, 0.2, 1.0])
    at = np.array([-0.5, 0.0, 0.7])
    exact = (ln_coth_integral(1 - at) - ln_coth_integral(-1 - at)) / np.pi
    assert np.allclose(ln_coth_weights(nodes, at) @ nodes, exact, rtol=1e-14)
    assert np.allclose(ln_coth_weights(nodes, at) @ np.ones(4), 0, atol=1e-15)


def band_truths(omega):
    rng = np.random.default_rng(0)
    yield standard_linear_solid(omega)
    yield fractional_zener(omega)
    yield (1j * omega) ** 0.2 + 0.02j * omega
    yield (1j * omega) ** 0.15 + 0.1 * (1j * omega) ** 0.7
    for _ in range(3):
        x = 1j * omega[:, None] * np.logspace(np.log10(omega[0]) - 1, np.log10(omega[-1]) + 1, 9)
        yield 0.3 + (np.exp(rng.normal(size=9)) * x / (1 + x)).sum(1)


def test_bias_on_three_decades():
    """Noise-free, 20 points per decade: median of the central half and worst 0.1 decade from the edges, of |E*|."""
    omega = np.logspace(-1.5, 1.5, 61)
    away = np.abs(np.log10(omega))
    for true in band_truths(omega):
        residual = finite_band(omega, true).residual
        for part in (residual.real, residual.imag):
            relative = np.abs(part) / np.abs(true)
            assert np.median(relative[away <= 0.75]) < 1.5e-3
            assert relative[away <= 1.4].max() < 0.03


def test_free_viscosity_and_spring_are_not_seen():
    """A spring and a dashpot more change the two free constants by just that (up to the interpolation)."""
    omega = np.logspace(-1.5, 1.5, 40)
    true = fractional_zener(omega)
    plain, more = finite_band(omega, true), finite_band(omega, true + 0.3j * omega)
    assert more.viscosity - plain.viscosity == pytest.approx(0.3, rel=1e-3)
    spring = finite_band(omega, 1.0 + true)
    assert spring.equilibrium - plain.equilibrium == pytest.approx(1.0, abs=0.02)


def test_finite_band_refuses_what_it_cannot_use():
    omega = np.logspace(0, 3, 12)
    with pytest.raises(ValueError, match="ascending"):
        finite_band(omega[::-1], fractional_zener(omega[::-1]))
    with pytest.raises(ValueError, match="broader"):
        finite_band(omega, fractional_zener(omega), edge=1.4)
    with pytest.raises(ValueError, match="five"):
        finite_band(omega[:3], fractional_zener(omega[:3]))


# ---------------------------------------------------------------- matrices for a loss

def training_grid():
    """Band of three decades, collocation one beyond, quadrature three beyond, 8 per decade: (41, 73)."""
    u = np.log(np.logspace(-4.5, 4.5, 73))
    return u, np.arange(16, 57)


@pytest.mark.parametrize(("form", "tolerance"), [("plateau", 2e-4), ("lncoth", 1.2e-2)])
def test_residuals_vanish_for_a_causal_material(form, tolerance):
    """Up to the rule's error at 8 per decade and the loss beyond the grid, 1e-4.5 of the step."""
    u, rows = training_grid()
    matrices = kk.kk_matrices(u, rows, form)
    assert matrices.storage.shape == matrices.loss.shape == (41, 73)
    omega = np.exp(u)
    extra = 0.0 if form == "plateau" else 0.05
    true = standard_linear_solid(omega) + 1j * extra * omega
    free = 10.0 if form == "plateau" else extra
    first, second = kk.kk_residuals(matrices, true.real, true.imag, free)
    assert np.abs(first).max() < tolerance * 9
    assert np.abs(second).max() < tolerance * 9
    wrong = kk.kk_residuals(matrices, true.real, -true.imag, free)
    assert np.abs(wrong[0]).max() > 1


def test_residuals_are_differentiable_in_batches():
    u, rows = training_grid()
    matrices = kk.kk_matrices(u, rows, "lncoth")
    rng = np.random.default_rng(0)
    storage, loss = rng.normal(size=(2, 3, 73))
    def total(real, imaginary, eta):
        return sum(jnp.sum(r**2) for r in kk.kk_residuals(matrices, real, imaginary, eta))
    value, gradient = jax.value_and_grad(total)(storage, loss, np.array([0.1, 0.2, 0.3]))
    step = 1e-6 * rng.normal(size=storage.shape)
    assert total(storage + step, loss, np.array([0.1, 0.2, 0.3])) - value == pytest.approx(
        float((gradient * step).sum()), rel=1e-3)
