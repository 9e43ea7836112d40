"""What a worker does in tests of poison: as an analysis with the stand-in fit, but one curve ends the process.

``POISON`` in the environment names it: its session, a colon, its number in the file. ``POISON_SLOW`` is how
long each fit takes at least, in s.
"""

import os
import signal
import time

import numpy as np

from tests import simple_fit


def _deadly(call):
    def guarded(dataset, *args, **kwargs):
        session, _, number = os.environ.get("POISON", ":-1").rpartition(":")
        there = (dataset["curve_in_file"].values == int(number)) & (dataset["session"].values.astype(str) == session)
        if np.isfinite(dataset["force"].values[there]).any():
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ.get("POISON_SLOW", "0")))
        return call(dataset, *args, **kwargs)
    return guarded


def do(folder, kind, number, how):
    """As `asperity.measurements.force_curves.tasks.do`."""
    stand_in = simple_fit.install()
    stand_in.fit_curves = _deadly(simple_fit.fit_curves)
    learn = _deadly(lambda part, **_: part)
    stand_in.session_noises = lambda parts, model, *, segment, asked: simple_fit.session_noises(
        map(learn, parts), model, segment=segment)
    from asperity.measurements.force_curves import tasks

    tasks.do(folder, kind, number, how)


def real(folder, kind, number, how):
    """As `do`, with the real fit."""
    from asperity.measurements.force_curves import fit_curves, tasks

    if not hasattr(fit_curves, "usual"):
        fit_curves.usual = fit_curves.fit_curves, fit_curves.session_noises
        fit, learn = fit_curves.usual
        look = _deadly(lambda part, **_: part)
        fit_curves.fit_curves = _deadly(fit)
        fit_curves.session_noises = lambda parts, model, *, segment, asked: learn(
            map(look, parts), model, segment=segment, asked=asked)
    tasks.do(folder, kind, number, how)
