# %% [markdown]
# # Which eigenvalues of a tip in contact can be believed
#
# A tip that rings down while it is pressed into a sample swings with the frequency and the damping of the contact. Its
# oscillation is not small: the force is bent, and what a record shows has harmonics. A Koopman model takes it
# apart. Its matrix has as many eigenvalues as functions, though, and many of them are made up by the projection. Which,
# the residuals say, from the same data.
#
# The truth is known here: the operator has the eigenvalue s of the smallest motions, at any amplitude, and with it all
# products: 2s, s + s*, 3s, ...

# %%
import sys

import numpy as np

from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import eigenpairs, fit, modes, pairs, pseudospectrum, rates, scaling_of, sums_of

FREQUENCY, QUALITY, STIFFNESS = 30e3, 3.0, 2.0  # Hz, -, N/m: of the free lever, a soft one in liquid
RADIUS, MODULUS, DEPTH = 10e-9, 1e9, 2e-9  # m, Pa (reduced), m: where the tip rests
AMPLITUDE = 1.5e-9  # m, at most: the tip does not leave the sample
STEP = 1 / FREQUENCY / 28  # s between samples, a twelfth of a period in contact
SUBSTEPS = 20
BELIEVED = 1e-4  # residual up to which an eigenvalue is called true here


# %% [markdown]
# ## The motion: Hertz contact, by small steps of Runge and Kutta

# %%
def slope(state: np.ndarray) -> np.ndarray:
    """Velocity (m/s) and acceleration of height (m) over where the tip rests."""
    speed = 2 * np.pi * FREQUENCY
    force = 4 / 3 * MODULUS * np.sqrt(RADIUS) * (np.maximum(DEPTH - state[0], 0) ** 1.5 - DEPTH**1.5)
    return np.stack([state[1], -(speed**2) * (state[0] - force / STIFFNESS) - speed / QUALITY * state[1]])


def ring_down(episodes: int, samples: int, seed: int) -> np.ndarray:
    """(episode, sample, 2): height (m) and velocity (m/s), from states of any size and phase."""
    rng = np.random.default_rng(seed)
    size, angle = AMPLITUDE * np.sqrt(rng.uniform(size=episodes)), rng.uniform(0, 2 * np.pi, episodes)
    state = np.stack([size * np.cos(angle), abs(true_rate()) * size * np.sin(angle)])
    step, path = STEP / SUBSTEPS, []
    for i in range(SUBSTEPS * samples):
        if i % SUBSTEPS == 0:
            path.append(state)
        a = slope(state)
        b = slope(state + step / 2 * a)
        c = slope(state + step / 2 * b)
        d = slope(state + step * c)
        state = state + step / 6 * (a + 2 * b + 2 * c + d)
    return np.array(path).transpose(2, 0, 1)


def true_rate() -> complex:
    """s of the smallest motions, 1/s."""
    contact = 2 * MODULUS * np.sqrt(RADIUS * DEPTH) / STIFFNESS
    return 2 * np.pi * FREQUENCY * (-1 / (2 * QUALITY) + 1j * np.sqrt(1 + contact - 1 / (4 * QUALITY**2)))


def true_eigenvalues(order: int) -> np.ndarray:
    """Of one step: all products of the first two."""
    first = np.exp(true_rate() * STEP)
    return np.array([first**i * np.conj(first) ** (n - i) for n in range(order + 1) for i in range(n + 1)])


# %% [markdown]
# ## The model, its eigenvalues, and what is true of them

# %%
def main(quick: bool = False) -> None:
    x, y = pairs(ring_down(60 if quick else 300, 21, 1))
    dictionary, scaling = Polynomials(5 if quick else 8), scaling_of(x)
    model = fit(dictionary, scaling, sums_of(dictionary, scaling, x, y, method="qr"))
    found = eigenpairs(model)
    error = np.abs(found.value[:, None] - true_eigenvalues(8)).min(axis=1)
    believed = found.residual < BELIEVED
    print(f"{len(x)} pairs of states, at most {1e9 * x[:, 0].max():.2f} nm up of {1e9 * DEPTH:.0f}; {len(error)} "
          "functions")
    for name, kept in ((f"below {BELIEVED:g}", believed), ("above", ~believed)):
        print(f"residual {name}: {kept.sum()} eigenvalues, up to {error[kept].max():.0e} from the nearest true one")
    print(f"a residual is no error: distances are up to {(error[1:] / found.residual[1:]).max():.0f} times as large")
    share = np.abs(modes(model, found)[:, 0])
    k = np.argmax(np.where(found.value.imag > 1e-3, share, 0))
    rate, exact = rates(found.value[k], STEP), true_rate()
    print(f"what moves the tip most ({1e9 * share[k]:.2f} nm): {rate.imag / 2e3 / np.pi:.4f} kHz, true "
          f"{exact.imag / 2e3 / np.pi:.4f}; decay {-rate.real / 1e3:.3f} per ms, true {-exact.real / 1e3:.3f}; "
          f"residual {found.residual[k]:.0e}")
    draw(model, found, error)


# %% [markdown]
# ## The picture: residuals as color, over the pseudospectrum

# %%
def draw(model, found, error) -> None:
    try:
        import matplotlib.pyplot as plt
        from matplotlib.colors import LogNorm
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, (plane, scatter) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    grid = np.linspace(-1.1, 1.1, 81) + 1j * np.linspace(-1.1, 1.1, 81)[:, None]
    lines = plane.contour(grid.real, grid.imag, pseudospectrum(model, grid), [0.01, 0.03, 0.1, 0.3], colors="0.7",
                          linewidths=0.8)
    plane.clabel(lines, fontsize=7)
    turn = np.exp(1j * np.linspace(-np.pi, np.pi, 200))
    plane.plot(turn.real, turn.imag, color="0.85", linewidth=0.8)
    true = true_eigenvalues(8)
    plane.plot(true.real, true.imag, "o", color="none", markeredgecolor="0.4", markersize=9, label="true")
    shown = plane.scatter(found.value.real, found.value.imag, c=found.residual, norm=LogNorm(1e-6, 0.1),
                          cmap="viridis_r", s=22, zorder=3)
    figure.colorbar(shown, ax=plane, label="residual")
    plane.set(title="eigenvalues of one step", xlabel="real part", ylabel="imaginary part", aspect="equal")
    plane.legend(fontsize=8)
    scatter.loglog(found.residual[1:], error[1:], "o", markersize=4, color="C0")  # the first is 1, exactly
    scatter.axvline(BELIEVED, color="0.6", linewidth=0.8)
    scatter.set(title="residual, known from the data, and error", xlabel="residual",
                ylabel="distance to the nearest true eigenvalue")
    figure.savefig("certified_spectrum.png", dpi=150)
    plt.close(figure)
    print("figure: certified_spectrum.png")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
