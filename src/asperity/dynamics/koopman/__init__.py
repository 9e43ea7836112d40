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
    fit_lagged,
    lagged,
    pairs,
    rollout,
    scaling_of,
    sums_of,
    sums_of_record,
)

__all__ = ["Eigenpairs", "KoopmanModel", "Method", "Scaling", "Sums", "delayed", "eigenpairs", "fit", "fit_lagged",
           "lagged", "pairs", "rollout", "scaling_of", "sums_of", "sums_of_record"]
