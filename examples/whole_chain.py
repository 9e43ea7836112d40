# %% [markdown]
# # The whole chain: from the instrument to the modulus
# A force map of known modulus and adhesion, recorded by an instrument that is not what its files say: spring constant
# and sensitivity are off, the tip is blunter than on its box, and the files hold the piezo's drive instead of a
# height. The instrument is calibrated from five records, as a user would, and the map is analyzed with and without.

# %%
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np

import asperity
from asperity.contact import JKR
from asperity.data import store
from asperity.instrument.tip_shape import SphereCone, on_grid
from asperity.virtual.calibration import stiff_curves, virtual_spectrum
from asperity.virtual.force_map import Instrument, Noise, Specimen, virtual_map
from asperity.virtual.image import Imaging, virtual_images
from asperity.virtual.scanner import driven, virtual_scanner
from asperity.virtual.surface import self_affine

RADIUS, MODULUS, ADHESION = 40e-9, 5e6, 5e-3
#: the instrument as it is, and what its files and boxes say
LEVER = Instrument(spring_constant=0.2, sensitivity=60e-9, setpoint=4e-9, resonance=60e3, quality=120.0, ramp=6e-7)
SAID = {"spring_constant": 0.26, "sensitivity": 55e-9, "radius": 20e-9}


# %% [markdown]
# ## What is recorded


# %%
def recorded(rows: int, columns: int) -> dict:
    """The force map (truth inside), and the records for the calibration."""
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        contact = JKR(radius=jnp.asarray(RADIUS), modulus=jnp.asarray(MODULUS), work_of_adhesion=jnp.asarray(ADHESION))
    sample = Specimen(size=2e-6, roughness=5e-9, inclusion_height=10e-9, slope=0.0, correlation_length=3e-7)
    curves = virtual_map(rows=rows, columns=columns, model=contact, instrument=LEVER, specimen=sample,
                         noise=Noise(detector=2e-11, drift=2e-11, waviness=0.0, offset=1e-9, tilt=1e-4), seed=0)
    piezo = virtual_scanner(8e-7)
    voltage = (curves["deflection"] / LEVER.sensitivity).assign_attrs(units="V")
    curves = driven(curves, piezo, sensor=False).drop_vars(["deflection", "force"]).assign(deflection_voltage=voltage)
    stiff = stiff_curves(LEVER, curves=9, samples=512, free=5e-7, pressed=1e-7, noise=5e-11)
    tip = on_grid(SphereCone(RADIUS, 0.35), (21, 21), (5e-9, 5e-9))
    spikes = 1.5 * self_affine((300, 300), hurst=0.5, rms=30e-9, shortest=2.0, longest=40.0, seed=0)
    return {"curves": curves, "with_sensor": driven(stiff, piezo), "drive_only": driven(stiff, piezo, sensor=False),
            "spectrum": virtual_spectrum(LEVER),
            "image": virtual_images(spikes, Imaging(tip=tip, noise=5e-11), margin=12)}


# %% [markdown]
# ## Calibration: scanner, then sensitivity with it, then the spring constant with that, and the tip


# %%
def calibrated(records: dict) -> dict:
    """One calibration per record."""
    scanner = asperity.calibrate.scanner(records["with_sensor"])
    sensitivity = asperity.calibrate.sensitivity(records["drive_only"], scanner=scanner)
    return {"scanner": scanner, "sensitivity": sensitivity,
            "spring_constant": asperity.calibrate.spring_constant(records["spectrum"], sensitivity=sensitivity),
            "tip": asperity.calibrate.tip(records["image"], size=21)}


# %% [markdown]
# ## The analysis, with none, each, and all of them


# %%
def analyzed(calibrations: dict, used: list[str], folder: Path):
    """The results of an analysis that knows the calibrations named; for the rest it believes what is said."""
    k, s = (None if name in used else SAID[name] for name in ("spring_constant", "sensitivity"))
    believed = {} if "tip" in used else {"radius": SAID["radius"]}
    return asperity.analyze(folder / "map.nc", {"name": "jkr", **believed}, spring_constant=k, sensitivity=s,
                            calibration=[calibrations[name] for name in used])


def judged(results, curves) -> dict:
    """Median errors, and how many true values the 95 % intervals hold."""
    said = {}
    for name in ("modulus", "work_of_adhesion"):
        good = results["flag"].values == 0
        ratio = (results[name] / curves[f"true_{name}"]).values[good]
        off = np.abs(results[name] - curves[f"true_{name}"]).values[good] / results[f"{name}_std"].values[good]
        said[name] = (100 * (np.median(ratio) - 1), 100 * float((off < 1.96).mean()))
    return said


# %% [markdown]
# ## The picture: before, after, truth


# %%
def draw(curves, before, after) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    side = int(np.sqrt(curves.sizes["curve"]))
    figure, axes = plt.subplots(2, 4, figsize=(13, 6.2), layout="constrained")
    for row, (name, factor, label, room) in enumerate((("modulus", 1e6, "modulus (MPa)", 1.5),
                                                 ("work_of_adhesion", 1e-3, "work of adhesion (mJ/m$^2$)", 3.0))):
        truth = curves[f"true_{name}"].values / factor
        maps = {"before: what the files say": before[name].values / factor,
                "after: calibrated": after[name].values / factor, "truth": truth}
        top = 1.4 * truth.max()
        for axis, (title, values) in zip(axes[row], maps.items()):
            drawn = axis.imshow(values.reshape(side, side), origin="lower", extent=(0, 2, 0, 2), vmin=0, vmax=top)
            axis.set(title=title, xlabel="x (µm)", ylabel="y (µm)")
        figure.colorbar(drawn, ax=axes[row, :3], label=label, shrink=0.8)
        last = axes[row, 3]
        for values, std, color, title in ((before, None, "C3", "before"), (after, after[f"{name}_std"], "C0", "after")):
            last.errorbar(truth, values[name] / factor, None if std is None else std / factor, fmt="o", ms=3, lw=0.6,
                          color=color, label=title)
        last.plot([0, truth.max()], [0, truth.max()], color="black", lw=0.8)
        last.set(xlabel=f"true {label}", ylabel=label, ylim=(0, room * truth.max()))
        last.legend(fontsize=8)
    figure.savefig("whole_chain.png", dpi=130)
    plt.close(figure)
    print("figure: whole_chain.png")


def main(quick: bool = False) -> dict:
    """Print the table; returns the errors of all rows in percent."""
    logging.getLogger("asperity").setLevel(logging.ERROR)
    records = recorded(*((4, 4) if quick else (12, 12)))
    calibrations = calibrated(records)
    truth = {"spring_constant": LEVER.spring_constant, "sensitivity": LEVER.sensitivity, "radius": RADIUS}
    for kind, name in (("spring_constant",) * 2, ("sensitivity",) * 2, ("tip", "radius")):
        found = calibrations[kind]
        print(f"{name}: {float(found[name]):.4g} +- {float(found[name + '_std']):.2g} "
              f"{found[name].attrs.get('units', '')} (true {truth[name]:.4g}, said {SAID[name]:.4g})")
    every = list(calibrations)
    rows = [("nothing", []), *((name, [name]) for name in every), ("all but the scanner", every[1:]), ("all", every)]
    errors, results = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        store.save(records["curves"], Path(folder) / "map.nc")
        print("calibrated: median error of modulus and adhesion (held by the 95 % intervals)")
        for title, used in rows:
            results[title] = analyzed(calibrations, used, Path(folder))
            found = judged(results[title], records["curves"])
            errors[title] = {name: error for name, (error, _) in found.items()}
            print(f"  {title:20} " + "   ".join(f"{error:+7.1f} % ({held:3.0f} %)" for error, held in found.values()))
    draw(records["curves"], results["nothing"], results["all"])
    return errors


# %%
if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
