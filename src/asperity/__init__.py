"""asperity: physics-informed machine learning for nanomechanics.

Every number comes with its uncertainty, its validity and its history.
Importing asperity is cheap: each name below is loaded when it is first used.
"""

import importlib
import pkgutil

__version__ = "0.1.0"

#: verb -> its module. A verb must not have the name of a module or folder: the module would take its place when loaded.
_VERBS = {
    "analyze": "measurements.force_curves.analyze",
    "crystal_mechanics": "measurements.atoms.mechanics",
    "convert": "measurements.force_curves.read",
    "design_film": "measurements.discovery.inverse.film",
    "design_lattice": "measurements.discovery.inverse.lattice",
    "design_setpoint": "measurements.discovery.inverse.setpoint",
    "design_tip": "measurements.discovery.inverse.tip",
    "doctor": "diagnosis",
    "explain": "measurements.discovery.explain.explanation",
    "fit": "measurements.force_curves.fit",
    "force_law": "measurements.tip_force.law",
    "next_points": "measurements.discovery.next.points",
    "plan_experiment": "measurements.discovery.experiment.plan",
    "predict": "measurements.tip_force.predict",
    "predict_atoms": "measurements.atoms.prediction",
    "read": "measurements.force_curves.read",
    "read_image": "measurements.images.read",
    "relax": "measurements.rheometry.material",
    "replay": "measurements.replay",
    "score": "measurements.force_curves.score",
    "select": "measurements.force_curves.select",
    "series_model": "measurements.time_series.series",
    "spectrum": "measurements.rheometry.material",
    "tapping": "measurements.tapping.curves",
    "train_potential": "measurements.atoms.training",
    "virtual_map": "virtual.force_map",
}
#: the verbs, and the chapters of the library (`calibrate` and `correct` hold verbs, `report` is one)
__all__ = ["__version__", "analyze", "calibrate", "contact", "convert", "correct", "crystal_mechanics", "data",
           "design_film", "design_lattice", "design_setpoint", "design_tip", "diagnosis", "doctor",
           "evaluation", "explain", "fit", "force_law", "instrument", "learning", "measurements",
           "next_points", "plan_experiment", "predict", "predict_atoms", "quantities", "read", "read_image",
           "relax", "replay", "report", "rheology", "score", "select", "series_model", "spectrum", "tapping",
           "train_potential", "units", "virtual", "virtual_map"]


def _lazy(package, path):
    """``__getattr__`` and ``__dir__`` of a package whose modules are loaded when they are first named."""

    def load(name):
        full = f"{package}.{name}"
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise
            raise AttributeError(f"module '{package}' has no attribute '{name}'") from None

    def listed():
        own = (name for name in vars(importlib.import_module(package)) if not name.startswith("_"))
        return sorted({*own, *(module.name for module in pkgutil.iter_modules(path) if module.name[0] != "_")})

    return load, listed


_load, _ = _lazy(__name__, __path__)


def __getattr__(name):
    if name in _VERBS:
        return getattr(importlib.import_module(f"asperity.{_VERBS[name]}"), name)
    return _load(name)


def __dir__():
    return __all__
