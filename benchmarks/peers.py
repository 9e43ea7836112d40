"""What other programs do with a JPK map: reading, and the way to a modulus. Imported only where installed.

nanite is under the GPL: it is used here, in the benchmarks' own environment, and nowhere else.
"""

from __future__ import annotations

import warnings
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.map_file import RADIUS

__all__ = ["NaniteCurves", "installed", "nanite_way", "pyfmrheo_way", "read_afmformats", "read_pyfmreader"]

_STEPS = ["compute_tip_position", "correct_force_offset", "correct_tip_offset"]
#: how pyfmrheo fits a paraboloid, as in its own example
_PYFMRHEO = {
    "curve_seg": "extend", "offset_type": "percentage", "max_offset": 0.8, "min_offset": 0.1,
    "correct_tilt": True, "poc_method": "RoV", "poc_win": 4e-7, "sigma": 0, "downsample_flag": False,
    "pts_downsample": 0, "fit_range_type": "full", "contact_model": "paraboloid", "tip_param": RADIUS,
    "fit_line": False, "d0": 0.0, "auto_init_E0": True, "E0": 1000, "f0": 0.0, "slope": 0.0}


def installed(name: str) -> bool:
    """Whether a program can be imported here."""
    return find_spec(name) is not None


def read_afmformats(path: Path) -> int:
    """Load force and height of all curves; how many there are."""
    import afmformats

    curves = afmformats.load_data(path)
    for curve in curves:
        curve["force"], curve["height (measured)"]
    return len(curves)


def read_pyfmreader(path: Path) -> int:
    """Load all curves (all channels; it has no other way); how many there are."""
    from pyfmreader import loadfile

    file = loadfile(str(path))
    count = int(file.filemetadata["Entry_tot_nb_curve"])
    for i in range(count):
        file.getcurve(i)
    return count


class NaniteCurves:
    """The preprocessed curves of a map, to time the fit alone."""

    def __init__(self, path: Path) -> None:
        import nanite

        self.curves = list(nanite.load_group(path))
        for curve in self.curves:
            curve.apply_preprocessing(_STEPS)

    def moduli(self) -> list[float]:
        """E of the paraboloid of nanite's default radius (10 um), full range, no weights; in Pa."""
        return [_nanite_modulus(curve, None) for curve in self.curves]


def _nanite_modulus(curve: Any, radius: float | None) -> float:
    """A new fitter each time, so that nothing is remembered."""
    import nanite.fit

    given: dict[str, Any] = {}
    if radius is not None:
        given["params_initial"] = nanite.fit.guess_initial_parameters(curve, model_key="hertz_para")
        given["params_initial"]["R"].value = radius
    fitter = nanite.fit.IndentationFitter(curve, model_key="hertz_para", weight_cp=0, **given)
    fitter.fit()
    return float(fitter.fp["params_fitted"]["E"].value)


def nanite_way(path: Path) -> list[float]:
    """Load, preprocess, fit; E in Pa."""
    import nanite

    found = []
    for curve in nanite.load_group(path):
        curve.apply_preprocessing(_STEPS)
        found.append(_nanite_modulus(curve, RADIUS))
    return found


def pyfmrheo_way(path: Path) -> list[float]:
    """Load, preprocess, fit; E in Pa."""
    from pyfmreader import loadfile
    from pyfmrheo.routines.HertzFit import doHertzFit

    file = loadfile(str(path))
    about, found = file.filemetadata, []
    given = _PYFMRHEO | {"k": float(about["spring_const_Nbym"])}
    for i in range(int(about["Entry_tot_nb_curve"])):
        curve = file.getcurve(i)
        curve.preprocess_force_curve(float(about["defl_sens_nmbyV"]) * 1e-9, about["height_channel_key"])
        curve.shift_height()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it divides by a force of 0
            found.append(float(doHertzFit(deepcopy(curve), given).E0))
    return found


if __name__ == "__main__":
    import sys

    print(len(nanite_way(Path(sys.argv[1]))))
