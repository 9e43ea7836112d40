"""Results of force curves with known moduli, as an analysis makes them."""

import numpy as np
import xarray as xr

from asperity.learning.outcome import Outcome


def results(places, log_modulus, noise=0.05, flag=None, unit="m"):
    """Results of curves at ``places`` (n, 2) in micrometers, or pixels; exp(``log_modulus``) in kPa."""
    modulus = 1e3 * np.exp(np.asarray(log_modulus, float))
    names = ("x", "y") if unit == "m" else ("column", "row")
    scale = 1e-6 if unit == "m" else 1.0
    meaning = {"flag_values": [int(code) for code in Outcome], "flag_meanings": " ".join(code.name for code in Outcome)}
    return xr.Dataset(
        {"modulus": ("curve", modulus, {"units": "Pa"}), "modulus_std_noise": ("curve", noise * modulus),
         "flag": ("curve", np.zeros(len(modulus), np.int8) if flag is None else np.asarray(flag, np.int8), meaning)},
        {name: ("curve", scale * np.asarray(places)[:, i]) for i, name in enumerate(names)})
