"""Results made again from their history: replay, recipes, and how far two results differ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from asperity import calibrate, correct
from asperity.data import provenance
from asperity.data.verbs import verb
from asperity.measurements.atoms.mechanics import crystal_mechanics
from asperity.measurements.atoms.prediction import predict_atoms
from asperity.measurements.discovery.experiment.plan import plan_experiment
from asperity.measurements.discovery.explain.explanation import explain
from asperity.measurements.discovery.inverse.film import design_film
from asperity.measurements.discovery.inverse.lattice import design_lattice
from asperity.measurements.discovery.inverse.setpoint import design_setpoint
from asperity.measurements.discovery.inverse.tip import design_tip
from asperity.measurements.discovery.next.points import next_points
from asperity.measurements.force_curves.analyze import analyze
from asperity.measurements.force_curves.fit import fit
from asperity.measurements.force_curves.read import read
from asperity.measurements.force_curves.score import score
from asperity.measurements.force_curves.select import select
from asperity.measurements.images.read import read_image
from asperity.measurements.rheometry.hold import holds
from asperity.measurements.rheometry.material import median_spectrum, relax, spectrum
from asperity.measurements.rheometry.modulation import modulus_spectrum
from asperity.measurements.rheometry.power_law import power_law
from asperity.measurements.tapping.curves import tapping
from asperity.measurements.time_series.series import series_model
from asperity.measurements.tip_force.frequency_shift_law import force_law_of_frequency_shift
from asperity.measurements.tip_force.law import force_law
from asperity.measurements.tip_force.predict import predict
from asperity.measurements.tip_force.table_law import force_law_of_table

__all__ = ["VERBS", "differences", "replay"]

#: the verbs that a history may name
VERBS: dict[str, Callable[..., xr.Dataset]] = {
    "read": read, "fit": fit, "analyze": analyze, "score": score,
    "select": select, "correct.curves": correct.curves, "correct.image": correct.image,
    "correct.drift": correct.drift,
    "read_image": read_image, "calibrate.scanner": calibrate.scanner,
    "calibrate.sensitivity": calibrate.sensitivity, "calibrate.spring_constant": calibrate.spring_constant,
    "calibrate.tip": calibrate.tip, "spectrum": spectrum, "relax": relax,
    "median_spectrum": median_spectrum, "modulus_spectrum": modulus_spectrum,
    "holds": holds, "power_law": power_law, "force_law": force_law,
    "force_law_of_table": force_law_of_table,
    "force_law_of_frequency_shift": force_law_of_frequency_shift, "predict": predict,
    "series_model": series_model, "tapping": tapping,
    "crystal_mechanics": crystal_mechanics, "predict_atoms": predict_atoms,
    "next_points": next_points, "plan_experiment": plan_experiment, "design_tip": design_tip,
    "design_film": design_film, "design_lattice": design_lattice, "design_setpoint": design_setpoint,
    "explain": explain}


@verb()
def replay(results: xr.Dataset) -> xr.Dataset:
    """Run the history of ``results`` again, on the same files, and return what it gives now.

    Raises:
        HistoryError: no history, or an input file that is gone or has changed (it is named).
    """
    return provenance.replay(results, VERBS)


def differences(old: xr.Dataset, new: xr.Dataset) -> dict[str, float]:
    """Name -> largest relative difference of each numeric variable of two results (inf: not comparable)."""
    found = {}
    for name in (str(name) for name, variable in old.data_vars.items() if variable.dtype.kind in "fiu"):
        if name not in new or new[name].shape != old[name].shape:
            found[name] = np.inf
            continue
        a, b = old[name].values.astype(float), new[name].values.astype(float)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.where(same, 0.0, np.abs(a - b) / np.maximum(np.abs(a), np.abs(b)))
        found[name] = float(np.max(np.nan_to_num(off, nan=np.inf), initial=0.0))
    return found
