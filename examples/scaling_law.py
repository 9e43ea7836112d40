# %% [markdown]
# # A scaling law found, and one that is none
#
# Forces of a sphere on a soft sample are given with 2 % of noise. Which powers of modulus, radius and indentation make
# them? Of the units only some products are possible, and of those the data choose: an exponent is called a fraction
# only where its interval of 95 % holds one and no other.
#
# The pull-off force of an adhesive contact is no such law: from small hard contacts (2 pi w R) to large soft ones
# (3/2 pi w R) its exponent of the radius dips below 1, by as much as the law of the surfaces says.

# %%
import sys

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import maugis
from asperity.contact.lennard_jones_contact import LennardJonesContact
from asperity.learning.discovery.scaling_law import scaling_law

UNITS = {"modulus": "Pa", "radius": "m", "indentation": "m"}
MODULUS, WORK, SEPARATION = 1e9, 0.05, 0.3e-9  # Pa, reduced; J/m^2; m


# %% [markdown]
# ## Hertz from noisy forces


# %%
def hertz(points: int, noise: float) -> None:
    """Find the law of Hertz, and say what was found."""
    rng = np.random.default_rng(0)
    inputs = {"modulus": 10 ** rng.uniform(3, 5, points), "radius": 10 ** rng.uniform(-7, -5, points),
              "indentation": 10 ** rng.uniform(-8, -6, points)}
    force = 4 / 3 * inputs["modulus"] * np.sqrt(inputs["radius"]) * inputs["indentation"] ** 1.5
    law = scaling_law(inputs, UNITS, force * np.exp(noise * rng.standard_normal(points)), "N")
    told = "one power law" if law.single else "not a single power law"
    print(f"force of Hertz: {told}, constant {law.constant:.3f} (4/3), evidence of a rest {law.evidence:.1f} nats")
    for power in law.powers:
        print(f"  {power.name}: {power.written}")


# %% [markdown]
# ## Pull-off forces by two laws of the surfaces


# %%
def pull_off(points: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The exponent of the radius at each Tabor parameter, by the values alone."""
    tabor = np.geomspace(0.03, 3, points)
    radius = (tabor * SEPARATION) ** 3 * MODULUS**2 / WORK**2
    with jax.enable_x64(True):
        model = [LennardJonesContact(radius=r, modulus=MODULUS * 0.75, work_of_adhesion=WORK, tabor_parameter=mu)
                 for r, mu in zip(radius, tabor)]
        surfaces = np.array([float(one.pull_off_force()) for one in model])
        dugdale = -np.asarray(jax.vmap(lambda one: maugis.pull_off(one)[1])(jnp.asarray(1.157 * tabor)))
    found, inputs = {}, {"separation": np.full(points, SEPARATION), "work": np.full(points, WORK), "radius": radius}
    for name, force in {"Lennard-Jones": surfaces, "Maugis-Dugdale": dugdale * np.pi * WORK * radius}.items():
        law = scaling_law(inputs, {"separation": "m", "work": "J/m^2", "radius": "m"}, force, "N")
        exponent = law.local[:, 2]
        found[name] = tabor, exponent
        told = "one power law" if law.single else "not a single power law"
        print(f"pull-off force, {name}: {told}; exponent of the radius {exponent.min():.4f} to "
              f"{exponent.max():.4f}, least at Tabor's parameter {tabor[exponent.argmin()]:.2f}")
    return found


def draw(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draw the exponents."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, (tabor, exponent) in found.items():
        axes.semilogx(tabor, exponent, label=name)
    axes.set(xlabel="Tabor's parameter", ylabel="d ln F / d ln R")
    axes.legend()
    figure.savefig("scaling_law.png", dpi=150)
    plt.close(figure)
    print("figure: scaling_law.png")


# %%
def main(quick: bool = False) -> None:
    """Two laws, and whether they are powers."""
    hertz(60 if quick else 200, 0.02)
    found = pull_off(60 if quick else 200)
    try:
        draw(found)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
