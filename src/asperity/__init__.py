"""asperity: physics-informed machine learning for nanomechanics.

Every number comes with its uncertainty, its validity and its history.
Importing asperity is cheap: each name below is loaded when it is first used.
"""

import importlib

__version__ = "0.1.0"

# A verb must not have the name of a module or folder: the module would take its place when loaded.
_EXPORTS = {
    "analyze": "asperity.workflow",
    "convert": "asperity.workflow",
    "doctor": "asperity.diagnosis",
    "fit": "asperity.workflow",
    "read": "asperity.workflow",
    "read_image": "asperity.imaging",
    "relax": "asperity.rheometry",
    "replay": "asperity.replaying",
    "score": "asperity.workflow",
    "select": "asperity.workflow",
    "spectrum": "asperity.rheometry",
    "virtual_map": "asperity.data.synthetic",
}
__all__ = ["__version__", "analyze", "calibrate", "convert", "correct", "doctor", "fit", "read", "read_image",
           "relax", "replay", "score", "select", "spectrum", "virtual_map"]


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    try:
        return importlib.import_module(f"asperity.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"asperity.{name}":
            raise
        raise AttributeError(f"module 'asperity' has no attribute '{name}'") from None


def __dir__():
    return __all__
