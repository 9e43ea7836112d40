# %% [markdown]
# # The modulus of a cell from 1 to 300 Hz, with a soft lever in water
#
# A force curve is held at 0.8 um indentation while the base of the lever oscillates by 10 nm at six frequencies.
# Height and deflection give E*(f), if three things are taken off that are not the cell: the sensor of the
# height lags by 0.12 ms, the liquid drags the lever, and part of that drag comes from the base, which moves
# even where the tip hardly does.
#
# Here the virtual instrument records all of it, so that the truth is known. The lag is measured on a stiff
# sample, the drag at seven heights above the surface, and the cell is then analyzed three times: as
# recorded, with the drag as if it acted on the tip alone (the usual formula), and with lag and base.

# %%
import sys

import numpy as np

from asperity.contact import Hertz
from asperity.measurements.rheometry.modulation import InstrumentResponse, modulus_spectrum
from asperity.rheology.drag import fit_drag
from asperity.rheology.oscillation import oscillation
from asperity.rheology.oscillatory_contact import UNIFORM_LEVER, DampedLever, off_surface, stiff_transfer
from asperity.rheology.structural_damping import StructuralDamping
from asperity.virtual.oscillation import Recording, virtual_oscillations

CELL = StructuralDamping(modulus=300.0, order=0.2, viscosity=0.2)
TIP = Hertz(radius=5e-6)
SPRING_CONSTANT, LAG, MASS = 0.01, 1.2e-4, 1e-10  # N/m, s, kg
STRENGTH, DISTANCE = 3e-11, 5.5e-6  # of the drag: N s and m
NOISE = 5e-10  # m, of the deflection
FREQUENCIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def lever(height):
    """The virtual lever with its tip at a height in m above the surface."""
    return DampedLever(SPRING_CONSTANT, STRENGTH / (height + DISTANCE), MASS, UNIFORM_LEVER)


# %% [markdown]
# ## What the instrument is: lag on a stiff sample, drag above the surface

# %%
def recorded(frequency, ratio, rng):
    """The oscillation of recorded height and deflection, whose true ratio is d/z."""
    time = np.arange(2000) / (100 * frequency)
    wave = 1e-8 * np.exp(2j * np.pi * frequency * time)
    late = np.exp(-2j * np.pi * frequency * LAG)
    noise = NOISE * rng.standard_normal((2, len(time))) * [[0.1], [1.0]]
    return oscillation(time, np.stack([(late * wave).real, (ratio * wave).real]) + noise, frequency)


def measured_lag(rng):
    """The slope of the phase of a stiff sample over the frequency."""
    frequency = np.array(FREQUENCIES[2:])
    phase = [np.angle(stiff_transfer(recorded(f, -1.0, rng))[0]) for f in frequency]
    return float(frequency @ phase / (2 * np.pi * frequency @ frequency))


def measured_drag(lag, base_share, rng):
    """b(h) from oscillations at 100 Hz above the surface, and its law."""
    heights, omega = np.geomspace(3e-7, 6e-6, 7), 2 * np.pi * 100.0
    transfer, rows = np.exp(1j * omega * lag), []
    for height in heights:
        known = lever(height)
        liquid = 1j * omega * known.drag - omega**2 * known.mass
        ratio = -liquid / (SPRING_CONSTANT + (1 - known.base_share) * liquid)
        bare = DampedLever(SPRING_CONSTANT, base_share=base_share)
        rows.append(off_surface(recorded(100.0, ratio, rng), bare, transfer=transfer))
    drag, _, std = np.array(rows).T
    return heights, drag, std, fit_drag(heights, drag, std)


# %% [markdown]
# ## The cell, analyzed three times

# %%
def analyses(curves, lag, drag, usual_drag):
    dataset = virtual_oscillations(TIP, CELL, lever(0.0), Recording(lag=LAG, noise=NOISE), curves=curves)
    instruments = {
        "as recorded": InstrumentResponse(),
        "drag on the tip": InstrumentResponse(drag=float(usual_drag.at()), drag_std=float(usual_drag.std())),
        "lag and base": InstrumentResponse(drag=float(drag.at()), drag_std=float(drag.std()), mass=MASS,
                                           base_share=UNIFORM_LEVER, lag=lag)}
    return dataset, {name: modulus_spectrum(dataset, TIP, instrument=given) for name, given in instruments.items()}


def printed(dataset, found):
    print(f"{'':18}" + "".join(f"{f:>14g} Hz" for f in FREQUENCIES))
    for part in ("storage", "loss"):
        print(f"{part} modulus, Pa (median of {dataset.sizes['curve']} curves and standard uncertainty of one)")
        print(f"{'  truth':18}" + "".join(f"{v:17.0f}" for v in dataset[f"true_{part}_modulus"].values))
        for name, result in found.items():
            middle = np.median(result[f"{part}_modulus"], axis=0)
            std = np.median(result[f"{part}_modulus_std"], axis=0)
            print(f"  {name:16}" + "".join(f"{m:10.0f} +- {s:3.0f}" for m, s in zip(middle, std, strict=True)))


def drawn(dataset, found, above):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    looks = {"as recorded": ("C3", "s"), "drag on the tip": ("C1", "^"), "lag and base": ("C0", "o")}
    for axis, part, symbol in zip(axes, ("storage", "loss"), ("E'", "E''"), strict=False):
        axis.plot(FREQUENCIES, dataset[f"true_{part}_modulus"], "k-", label="truth")
        for (name, (color, marker)), shift in zip(looks.items(), (0.92, 1.0, 1.08), strict=True):
            middle = np.median(found[name][f"{part}_modulus"], axis=0)
            std = 1.645 * np.median(found[name][f"{part}_modulus_std"], axis=0)
            axis.errorbar(shift * np.array(FREQUENCIES), middle, std, color=color, marker=marker, ls="", capsize=3,
                          mfc="none", label=name)
        axis.set(xscale="log", xlabel="frequency (Hz)", ylabel=f"{part} modulus {symbol} (Pa)")
    axes[0].axhline(0, color="0.7", linewidth=0.8)
    axes[0].set(title="storage: negative without the base")
    axes[1].set(title="loss", yscale="log")
    axes[0].legend(loc="lower left", fontsize=8)
    heights, drag, std, law = above
    far = np.linspace(0, heights.max(), 100)
    axes[2].errorbar(heights * 1e6, drag * 1e6, 1.645 * std * 1e6, color="C0", marker="o", ls="", mfc="none",
                     capsize=3, label="measured")
    axes[2].plot(far * 1e6, law.at(far) * 1e6, "C0-", label="fitted law")
    axes[2].plot(0, STRENGTH / DISTANCE * 1e6, "k*", ms=10, label="truth at contact")
    axes[2].set(xlabel="height above the surface (µm)", ylabel="drag coefficient b (µN s/m)")
    axes[2].set_title("drag above the surface")
    axes[2].legend(fontsize=8)
    figure.savefig("microrheology.png", dpi=150)
    plt.close(figure)
    print("figure: microrheology.png")


# %%
def main(quick=False):
    rng = np.random.default_rng(0)
    lag = measured_lag(rng)
    above = measured_drag(lag, UNIFORM_LEVER, rng)
    usual = measured_drag(0.0, 0.0, rng)[3]
    drag = above[3]
    print(f"lag: {lag * 1e6:.1f} us (truth {LAG * 1e6:.1f} us)")
    print(f"drag at contact: {drag.at() * 1e6:.2f} +- {drag.std() * 1e6:.2f} uN s/m "
          f"(truth {STRENGTH / DISTANCE * 1e6:.2f}; at 3 um height {STRENGTH / (3e-6 + DISTANCE) * 1e6:.2f})")
    dataset, found = analyses(4 if quick else 16, lag, drag, usual)
    printed(dataset, found)
    drawn(dataset, found, above)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
