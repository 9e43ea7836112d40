"""`fit`: a contact model on every curve of a dataset."""

from __future__ import annotations

import xarray as xr

from asperity.contact.named import Model, usual_segment
from asperity.data import jobs, provenance
from asperity.data.curve_files import Source
from asperity.data.verbs import verb
from asperity.measurements.force_curves import unreadable
from asperity.measurements.force_curves.controls import (
    Exclusions,
    controls,
    decisions,
    excluded_entries,
    resolved_exclusions,
)
from asperity.measurements.force_curves.sessions import (
    FITTED_BY,
    SessionNoise,
    averages_taken,
    by_session,
    fit_chunk,
    join,
    plan,
)
from asperity.measurements.force_curves.tip import resolved
from asperity.messages import one_of

__all__ = ["fit"]


@verb(dataset="curves")
def fit(dataset: xr.Dataset, model: Model = "hertz", *, segment: str | None = None,
        spring_constant_std: float = 0.0, sensitivity_std: float = 0.0, radius_std: float = 0.0,
        window: str | None = None, baseline: str | None = None, exclude: Exclusions | None = None,
        batch: int = 512, progress: jobs.Progress | None = None) -> xr.Dataset:
    """Fit a contact model to every curve.

    Args:
        dataset: force curves (see `asperity.data.curves`), lazy or not.
        model: a contact model, its name, or ``{"name": ..., "radius": ...}``.
        segment: the segment to fit; by default ``retract`` for models with adhesion (the jump off contact
            shows it, the jump in does not), else ``approach``.
        spring_constant_std, sensitivity_std, radius_std: relative standard uncertainties (0.1 is 10 %)
            of the calibration; they become the part ``modulus_std_calibration``.
        window, baseline, exclude: the part of each curve that counts, and the curves that do not (see
            `asperity.measurements.force_curves.controls`).
        batch: curves in memory at a time.
        progress: called with (finished curves, all curves).

    Returns:
        One entry per curve: the fitted quantities with ``_std``, the flag, the fixed inputs, and the
        curves for display. No curve is dropped and none raises: see `asperity.learning.outcome.Outcome`.
    """
    segment = one_of("segment", segment or usual_segment(model), dataset["segment"].values)
    options = {"segment": segment, "spring_constant_std": spring_constant_std,
               "sensitivity_std": sensitivity_std, "radius_std": radius_std}
    asked = resolved_exclusions(controls(window, baseline, entries := excluded_entries(exclude)), [dataset])
    sources = list(by_session(Source(dataset, {})))
    template = resolved(model, [dataset])
    noise = SessionNoise(sources, template, segment, asked)
    chunks = plan(sources, batch)
    with jobs.run({}, [chunk.size for chunk in chunks], lambda i: fit_chunk(sources, chunks[i], noise, options),
                  progress=progress) as finished:
        results = join(list(finished))
    unreadable.say(results.attrs)
    said = {"window": window, "baseline": baseline, "exclude": entries or None}
    step = provenance.step("fit", {"model": template.record, **options, **said, "batch": batch})
    named = results.assign_attrs(template.attributes(*FITTED_BY) | averages_taken(sources, segment) | decisions(asked))
    return provenance.record(named, step, before=dataset)
