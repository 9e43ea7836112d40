"""How a fit of one curve can end. A batch never raises: each curve carries one of these."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Outcome"]


class Outcome(IntEnum):
    """The flag of one curve; `meaning` says what it stands for and what to do.

    Stored as CF ``flag_values`` / ``flag_meanings``. Where several apply, the largest is kept.
    """

    converged = 0
    misfit = 1
    short_baseline = 2
    bound_hit = 3
    saturated = 4
    not_converged = 5
    contact_out_of_range = 6
    no_contact = 7
    too_few_samples = 8
    uncalibrated = 9
    unreadable = 10
    not_fitted = 11

    @property
    def meaning(self) -> str:
        """One sentence for people: what happened, the likeliest cause, what to do."""
        return _MEANING[self]

    @property
    def usable(self) -> bool:
        """True if the numbers may be used, at most with the caution that `meaning` gives."""
        return self <= Outcome.short_baseline


_MEANING = {
    Outcome.converged: "The fit reached the least-squares optimum and agrees with the noise.",
    Outcome.misfit: "The fit is optimal, but its residual is far above the measured noise: the model does "
                    "not describe the curve (wrong tip shape, adhesion, layer, large strain), or its pull-off force "
                    "is not the one that the curve shows. Try another model.",
    Outcome.short_baseline: "Less than a tenth of the curve lies before contact: the noise, and with it the "
                            "error bar, is poorly known. Record more baseline.",
    Outcome.bound_hit: "The modulus comes out zero, negative, or not to be told from zero; or the "
                       "indentation exceeds what the model's formula covers (a layer too thin for the tip).",
    Outcome.saturated: "The deflection signal sits at its end value for several samples: the detector was "
                       "saturated and the force is cut off. Lower the setpoint or re-center the laser.",
    Outcome.not_converged: "The optimizer stopped before the tolerance was met; the numbers are not optimal.",
    Outcome.contact_out_of_range: "The best contact point lies at the edge of the data: the curve begins in "
                                  "contact or is not of this model. Record from further away.",
    Outcome.no_contact: "The force never rises above the noise: the tip did not touch, or the wrong segment "
                        "was chosen.",
    Outcome.too_few_samples: "Fewer samples than the fit needs.",
    Outcome.uncalibrated: "No spring constant or sensitivity for this curve; give --spring-constant or "
                          "--sensitivity.",
    Outcome.unreadable: "The data of this curve could not be read; the log names the cause.",
    Outcome.not_fitted: "The method does not apply to this curve; the findings name the cause.",
}
