"""What a careful reader must know beside the numbers."""

from __future__ import annotations

import json

import numpy as np

from asperity.data.results import assumptions, listed
from asperity.learning.discrepancy import SEEN, VAGUE
from asperity.learning.student import wide
from asperity.measurements.force_curves.contents import Contents, median, words_of
from asperity.measurements.force_curves.score_model import NOT_TESTED, looks_like, unseen
from asperity.measurements.force_curves.summary import glitches, not_read
from asperity.report.numbers import count_of, factor_of, plain

__all__ = ["remarks"]

_ONE_DIRECTION = (
    "What no curve of one direction can show, and nothing was given of, is taken to be exact: the scale of heights and "
    "the speed of the ramp, constant drift, a level sample (a slope of 10 or 20 degrees makes the modulus 4 or 14 % "
    "too small) and a single tip (a second one beside it doubles the modulus)"
)
_WELL_KNOWN = 10.0  # degrees of freedom, from which an interval of 95 % is that of a normal error to a tenth


def remarks(contents: Contents) -> list[str]:
    """What a careful reader must know beside the numbers: several files, misfit, missing calibration."""
    results, good = contents.results, contents.usable
    said = [" ".join(str(line).strip() for line in listed(results, "selection")), *assumptions(results),
            *listed(results, "decisions"), *listed(results, "heights")]
    if len(contents.files) > 1 and good.any():
        said.append(
            f"The medians run over {len(contents.files)} files, which may be different samples, tips or settings: "
            "the table of files below has each by itself."
        )
    if "averaged" in results.attrs:
        taken = json.loads(results.attrs["averaged"])
        said.append(
            f"{count_of(taken['curves'], 'curve')} of very many samples: the fit is to means of up to "
            f"{taken['samples']} neighboring samples, and noise and sample count are those of the means."
        )
    said += [*glitches(contents), *not_read(contents)]
    ratio = contents.columns["reduced_chi_square"][good]
    if np.isfinite(ratio).any():
        said.append(_fit_quality(median(ratio), int(np.isfinite(ratio).sum())))
    if "model_chance" in contents.units and good.any():
        said += [_model_tested(contents), _taken_as_exact(contents)]
    for found in contents.measured[:1]:
        said.append(_how_well_known(found.name, contents.columns[f"{found.name}_dof"][good]))
    if good.any() and not contents.measured:
        said.append("The results name no fitted property with an uncertainty.")
    kinds = [label for found in contents.measured if found.name == "modulus" for _, label in found.parts]
    if kinds and "calibration" not in kinds:
        said.append(
            "No uncertainty of spring constant, sensitivity or tip radius was propagated: the true "
            "error of the absolute values is larger than the ± says."
        )
    return [text for text in said if text]


def _taken_as_exact(contents: Contents) -> str:
    """What no curve of one direction can show, less what an uncertainty was given for."""
    tip = [name for name in ("radius", "half_angle", "punch_radius") if name in contents.units]
    exact = [name for name in ("spring_constant", "sensitivity", *tip) if f"{name}_std" not in contents.units]
    return ", ".join([_ONE_DIRECTION, *map(words_of, exact)]) + "."


def _how_well_known(name: str, freedom: np.ndarray) -> str:
    """What few curves and short baselines cost: how much wider than twice the standard uncertainty 95 % are."""
    if not np.isfinite(freedom).any() or (typical := median(freedom)) > _WELL_KNOWN:
        return ""
    return (
        f"How strong slow noise is, is known only roughly here ({typical:.2g} degrees of freedom): 95 % of the "
        f"errors of the {words_of(name)} lie within {float(wide(np.array(typical))):.2g} times the ±, not within "
        "2. More curves of one session, or more of each curve before contact, make it known better."
    )


def _fit_quality(ratio: float, count: int) -> str:
    start = (
        f"The residual of the usable fits has a median reduced chi-square of {ratio:.3g}"
        if count > 1
        else f"The residual of the fit has a reduced chi-square of {ratio:.3g}"
    )
    if ratio < 0.5:
        return f"{start}: the noise is overestimated, and so are the error bars."
    if ratio < 1.5:
        return f"{start} (1 if the model describes the data down to the noise)."
    return f"{start}, where 1 is noise alone: the model misses part of the data."


def _model_tested(contents: Contents) -> str:
    """What the curves of a session show together of their model, and what that means for the modulus."""
    good, chance = contents.usable, contents.columns["model_chance"]
    tested = good & np.isfinite(chance)
    if not tested.any():
        return NOT_TESTED
    part = contents.columns["modulus_std_model"] / np.abs(contents.columns["modulus"])
    seen = tested & (chance <= SEEN)
    if not seen.any():
        return f"Nothing that the curves of a session show together speaks against the contact model{unseen(contents)}."
    size, at_contact = median(part[seen]), median(contents.columns["modulus_at_contact"][seen])
    like = looks_like(contents, int(np.flatnonzero(seen)[0]))
    words = f"within {factor_of(size)}" if size > VAGUE else f"within ± {plain(100 * size, '%', 2)} (model)"
    start = (
        f"Together the curves show that the contact model is not quite true ({like}). The modulus holds {words}, alike "
        "for all curves of a session"
    )
    if size > VAGUE or not np.isfinite(at_contact):  # an extrapolation of what is not known
        return f"{start}."
    value = plain(at_contact, contents.units["modulus"], 2)
    return f"{start}; at vanishing depth it would be {value}, were the departure a smooth factor of the depth."
