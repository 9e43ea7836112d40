"""Linear models of dynamical systems in lifted space."""

from asperity.dynamics.koopman.edmd import (
    Eigenpairs,
    KoopmanModel,
    Method,
    Scaling,
    Sums,
    delayed,
    eigenpairs,
    fit,
    pairs,
    rollout,
    scaling_of,
    sums_of,
)
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

__all__ = ["Eigenpairs", "InputModel", "InputSums", "KoopmanModel", "Method", "Scaling", "Scalings", "Sums",
           "Transitions", "delayed", "eigenpairs", "fit", "fit_inputs", "input_rollout", "input_sums_of", "pairs",
           "rollout", "scaling_of", "scalings_of", "sums_of", "transitions"]
