"""How a fit of one curve can end. A batch never raises: each curve carries one of these."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Outcome"]


class Outcome(IntEnum):
    """The flag of one curve; `meaning` says what it stands for and what to do.

    Stored as CF ``flag_values`` / ``flag_meanings``. Where several apply, the largest is kept.
    """

    converged = 0
    small_misfit = 1
    misfit = 2
    short_baseline = 3
    bound_hit = 4
    saturated = 5
    not_converged = 6
    contact_out_of_range = 7
    wrong_way = 8
    no_contact = 9
    too_few_samples = 10
    uncalibrated = 11
    unreadable = 12
    not_fitted = 13
    excluded = 14

    @property
    def meaning(self) -> str:
        """One sentence for people: what happened, the likeliest cause, what to do."""
        return _MEANING[self]

    @property
    def usable(self) -> bool:
        """True if the numbers may be used, at most with the caution that `meaning` gives."""
        return self <= Outcome.short_baseline


_MEANING = {
    Outcome.converged: "The fit reached the least-squares optimum and agrees with the noise: what it leaves in contact "
                       "is no more than the noise before contact explains (a probability above 0.1 %).",
    Outcome.small_misfit: "The fit is optimal, but leaves more than the noise explains: below 3 % of the largest "
                          "force, and half of the depth gives the same modulus within 10 %. The model part of the "
                          "error bar says what that may mean.",
    Outcome.misfit: "The fit is optimal, but leaves more than the noise explains, and it matters: above 3 % of the "
                    "largest force, or half of the depth gives another modulus by more than 10 %, or the force rises "
                    "before the fitted contact, or the pull-off force is not the one that the curve shows. The model "
                    "does not describe the curve (wrong tip shape, spring constant, adhesion, layer, brush, large "
                    "strain). Try another model.",
    Outcome.short_baseline: "Less than a tenth of the curve lies before contact: the noise, and with it the "
                            "error bar, is poorly known. Record more baseline.",
    Outcome.bound_hit: "The modulus comes out zero, negative, or not to be told from zero; or the "
                       "indentation exceeds what the model's formula covers (a layer too thin for the tip).",
    Outcome.saturated: "The deflection signal sits at its end value for several samples: the detector was "
                       "saturated and the force is cut off. Lower the setpoint or re-center the laser.",
    Outcome.not_converged: "The optimizer stopped before the tolerance was met; the numbers are not optimal.",
    Outcome.contact_out_of_range: "The best contact point lies at the edge of the data: the curve begins in "
                                  "contact or is not of this model. Record from further away.",
    Outcome.wrong_way: "A column runs the wrong way: the height rises while the tip comes closer, or the force falls "
                       "where it presses. Change the sign of that column, or the order of the rows if both begin at "
                       "the end.",
    Outcome.no_contact: "The force never rises above the noise: the tip did not touch, or the wrong segment "
                        "was chosen.",
    Outcome.too_few_samples: "Too few samples for the fit and its noise (24 at least), or in contact within the window "
                             "that was asked for (12).",
    Outcome.uncalibrated: "No spring constant or sensitivity for this curve; give --spring-constant or "
                          "--sensitivity.",
    Outcome.unreadable: "The data of this curve could not be read, or broke its fit; the cause is named with the "
                        "curve.",
    Outcome.excluded: "Left out by the person who asked for the analysis; the reason is kept with the results.",
    Outcome.not_fitted: "The method does not apply to this curve; the findings name the cause.",
}
