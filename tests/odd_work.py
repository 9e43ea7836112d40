"""What is done with curves in tests of shared work: plain sums, and one curve that ends its process."""

import os
import signal

import numpy as np
import xarray as xr

from asperity.data.results import flag_attributes


def summed(curves, each, factor):
    """The sum of the forces of each curve, times its own number and a factor."""
    force = curves["force"].values
    if os.environ.get("ODD_WORK") and (curves["curve_in_file"].values[np.isfinite(force).any((1, 2))] == 13).any():
        os.kill(os.getpid(), signal.SIGKILL)
    total = factor * np.array(each) * np.nansum(force, axis=(1, 2))
    flag = np.zeros(len(total), np.int8)
    return xr.Dataset({"total": ("curve", total), "flag": ("curve", flag, flag_attributes())},
                      {"file": curves["file"], "worker": ("curve", [os.getpid()] * len(total))})
