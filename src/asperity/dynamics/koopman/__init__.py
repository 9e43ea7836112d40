"""Linear models of dynamical systems in lifted space."""

from asperity.dynamics.koopman.edmd import Eigenpairs, KoopmanModel, eigenpairs, fit, fit_lagged, rollout
from asperity.dynamics.koopman.generator import generator_sums, stepped
from asperity.dynamics.koopman.inputs import (
    InputModel,
    InputSums,
    Scalings,
    Transitions,
    fit_inputs,
    input_rollout,
    input_sums_of,
    scalings_of,
    transitions,
)
from asperity.dynamics.koopman.intervals import FEWEST_EPISODES, RateIntervals, rate_intervals
from asperity.dynamics.koopman.spectrum import eigenfunctions, modes, pseudospectrum, rates
from asperity.dynamics.koopman.sums import (
    Method,
    Scaling,
    Sums,
    delayed,
    lagged,
    pairs,
    scaling_of,
    sums_of,
    sums_of_record,
)

__all__ = ["FEWEST_EPISODES", "Eigenpairs", "InputModel", "InputSums", "KoopmanModel", "Method", "RateIntervals",
           "Scaling", "Scalings", "Sums", "Transitions", "delayed", "eigenfunctions", "eigenpairs", "fit",
           "fit_inputs", "fit_lagged", "generator_sums", "input_rollout", "input_sums_of", "lagged", "modes", "pairs",
           "pseudospectrum", "rate_intervals", "rates", "rollout", "scaling_of", "scalings_of", "stepped", "sums_of",
           "sums_of_record", "transitions"]
