from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from asperity import calibrate as calibrate
from asperity import contact as contact
from asperity import correct as correct
from asperity import data as data
from asperity import diagnosis as diagnosis
from asperity import evaluation as evaluation
from asperity import instrument as instrument
from asperity import learning as learning
from asperity import measurements as measurements
from asperity import quantities as quantities
from asperity import rheology as rheology
from asperity import units as units
from asperity import virtual as virtual
from asperity.diagnosis import doctor as doctor
from asperity.measurements.atoms.mechanics import crystal_mechanics as crystal_mechanics
from asperity.measurements.atoms.prediction import predict_atoms as predict_atoms
from asperity.measurements.atoms.training import train_potential as train_potential
from asperity.measurements.discovery.experiment.plan import plan_experiment as plan_experiment
from asperity.measurements.discovery.explain.explanation import explain as explain
from asperity.measurements.discovery.inverse.film import design_film as design_film
from asperity.measurements.discovery.inverse.lattice import design_lattice as design_lattice
from asperity.measurements.discovery.inverse.setpoint import design_setpoint as design_setpoint
from asperity.measurements.discovery.inverse.tip import design_tip as design_tip
from asperity.measurements.discovery.next.points import next_points as next_points
from asperity.measurements.force_curves.analyze import analyze as analyze
from asperity.measurements.force_curves.fit import fit as fit
from asperity.measurements.force_curves.read import convert as convert
from asperity.measurements.force_curves.read import read as read
from asperity.measurements.force_curves.score import score as score
from asperity.measurements.force_curves.select import select as select
from asperity.measurements.images.read import read_image as read_image
from asperity.measurements.replay import replay as replay
from asperity.measurements.rheometry.material import relax as relax
from asperity.measurements.rheometry.material import spectrum as spectrum
from asperity.measurements.tapping.curves import tapping as tapping
from asperity.measurements.time_series.series import series_model as series_model
from asperity.measurements.tip_force.law import force_law as force_law
from asperity.measurements.tip_force.predict import predict as predict
from asperity.virtual.force_map import virtual_map as virtual_map

__version__: str

def report(results: Any, path: str | PathLike[str], *, title: str | None = None) -> Path: ...
def _lazy(package: str, path: Any) -> tuple[Callable[[str], Any], Callable[[], list[str]]]: ...
