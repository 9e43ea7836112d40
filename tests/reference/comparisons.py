"""Which number of asperity stands against which entry of REFERENCES.json, and which entries wait.

Every entry of the file is either compared here or named in `NOT_OF_THIS_PART` with the reason.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from asperity.contact.cone import Cone
from asperity.contact.hertz import Hertz
from asperity.contact.pyramid import Pyramid3
from asperity.contact.sphere import Sphere
from tests.conftest import shared_data
from tests.reference import dmt_script
from tests.reference.settings import Curve, best_fit, dataset, exactly, leveled, library_fit, segment, windowed

SPOT = "jpk/fmt-jpk-fd_spot3-0192.jpk-force"
POINTS = "jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map"
FLIPPED = "jpk/fmt-jpk-fd_flipsign_2015.05.22-15.31.49.352.jpk-force"
MAP_2022 = "jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map"
RELAXATION = "rheology/fmt-jpk-sr_cell1-0008.jpk-force"
QI = "jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data"
CHIARO = "other_afm/fmt-chiaro-txt_AEBP1_Indentation_002.zip"
ADHESIVE = "adhesion/spectroscopy.nid"
BRUKER = "bruker/20200903_Egel2.0_00023.spm"

NANOMETER, GIGAPASCAL, NANONEWTON = 1e-9, 1e9, 1e-9
PARABOLOID = exactly(Hertz, radius=10e-6)


@lru_cache
def references():
    """The entries of REFERENCES.json."""
    return json.loads(shared_data("force/REFERENCES.json").read_text())


@lru_cache
def peer_results():
    """nanite's results per file, a list per curve."""
    return json.loads(shared_data("force/peer_results_nanite.json").read_text())["files"]


def contact_index(name, curve=0):
    """Where nanite's default estimate sees the contact: it sets the baseline and the windows of its tests."""
    return peer_results()[name][curve]["poc_index"]["deviation_from_baseline"]


_VENDOR_MODELS = {
    "Hertz paraboloid": exactly(Hertz, radius=40e-9),
    "Sneddon sphere": exactly(Sphere, radius=10e-6),
    "cone": exactly(Cone, half_angle=math.radians(30)),
    "3-sided pyramid": exactly(Pyramid3, half_angle=math.radians(20)),
}


@lru_cache
def _against_vendor(name):
    """The approach from three times the contact's length on, baseline held at the mean before contact."""
    curve, index = segment(SPOT, 0, "approach"), contact_index(SPOT)
    start = len(curve.force) - 3 * (len(curve.force) - index)
    level = curve.force[:index].mean()
    return best_fit(_VENDOR_MODELS[name], Curve(curve.position[start:], curve.force[start:]), baseline=level)


@lru_cache
def _whole():
    return library_fit(PARABOLOID, [segment(SPOT, 0, "approach")])


@lru_cache
def _in_window():
    """Positions between 17 and 19 um; then between 2 um below and 1 um above the point of the whole fit."""
    curve, point = segment(SPOT, 0, "approach"), float(_whole().contact_point[0])
    windows = (17e-6, 19e-6), (point - 2e-6, point + 1e-6)
    return library_fit(PARABOLOID, [windowed(curve, *window) for window in windows])


def _largest_residual():
    return (segment(SPOT, 0, "approach").force - _whole().force[0]).max()


def _scaled_moduli():
    """E(k) k^1.5 with all positions times k, as a geometric factor k of the indentation does."""
    curve, factors = segment(SPOT, 0, "approach"), np.array([0.1, 0.2, 0.5, 0.8, 1.0])
    fit = library_fit(PARABOLOID, [Curve(k * curve.position, curve.force) for k in factors])
    moduli = fit.modulus * factors**1.5
    return float(moduli[np.argmax(np.abs(moduli - _whole().modulus[0]))])


def _early_force():
    """Force of the first tenth of the approach, counted from the mean before nanite's contact index."""
    force = segment(SPOT, 0, "approach").force
    return force[: len(force) // 10] - force[: contact_index(SPOT)].mean()


def _threshold():
    early = _early_force()
    return early.mean() + 2 * np.abs(early - early.mean()).max()


@lru_cache
def _bead(curve):
    """A sphere of 18.64 um with weights that rise over 2 um from the contact point, baseline held."""
    measured = leveled(segment(POINTS, curve, "approach"), contact_index(POINTS, curve))
    return best_fit(exactly(Sphere, radius=18.64e-6), measured, baseline=0.0, weight_distance=2e-6)


def split_at_peak(name):
    """The approach with those samples of the retract in which the force still rises.

    The lever still moves on for some samples after the scanner is told to turn.
    """
    way = [segment(name, 0, kind) for kind in ("approach", "retract")]
    position, force = (np.concatenate(parts) for parts in zip(*way))
    return Curve(position[: force.argmax()], force[: force.argmax()])


def _flipped():
    measured = leveled(split_at_peak(FLIPPED), contact_index(FLIPPED))
    return best_fit(PARABOLOID, measured, baseline=0.0).modulus


def _segment_mean(name, kind):
    part = dataset(RELAXATION).isel(curve=0).sel(segment=kind)
    return float(part[name].values[: int(part["sample_count"])].mean())


def trigger_heights():
    """Peak of the deflection of each approach above the mean of its first tenth, in V."""
    voltage = dataset(BRUKER)["deflection_voltage"].sel(segment="approach").values
    return voltage.max(axis=1) - voltage[:, : voltage.shape[1] // 10].mean(axis=1)


class Comparison(NamedTuple):
    """Entries of ``file`` with this quantity, model and settings (regular expressions), and our value."""

    file: str
    quantity: str
    ours: Callable[[], float]
    model: str = ""
    settings: str = ""


def _vendor_rules():
    for name in _VENDOR_MODELS:
        yield Comparison(SPOT, "^E$", lambda n=name: _against_vendor(n).modulus, f"^{name}$")
        yield Comparison(SPOT, "^contact_point$", lambda n=name: _against_vendor(n).contact_point,
                         f"^{name}$")


def _peer_rules():
    whole, absolute, relative = r"\(absolute tip position\)$", r"range_x=\(17e-6", "relative cp"
    para = "hertz_para"
    yield Comparison(SPOT, "^E$", lambda: _whole().modulus[0], para, whole)
    yield Comparison(SPOT, "^contact_point$", lambda: _whole().contact_point[0], para, whole)
    yield Comparison(SPOT, "^E$", lambda: _in_window().modulus[0], para, absolute)
    yield Comparison(SPOT, "^contact_point$", lambda: _in_window().contact_point[0], para, absolute)
    yield Comparison(SPOT, "^E$", lambda: _in_window().modulus[1], para, relative)
    yield Comparison(SPOT, r"^max\(fit\)", lambda: _whole().force[0].max())
    yield Comparison(SPOT, r"^max\(residual\)", _largest_residual)
    yield Comparison(SPOT, "gcf_k", _scaled_moduli)
    yield Comparison(SPOT, "^mean baseline", lambda: float(_early_force().mean()))
    yield Comparison(SPOT, "^baseline threshold", _threshold)
    for curve in range(3):
        yield Comparison(POINTS, f"^E curve {curve} ", lambda c=curve: _bead(c).modulus)
        yield Comparison(POINTS, f"^contact point curve {curve}$",
                         lambda c=curve: _bead(c).contact_point / NANOMETER)
    yield Comparison(FLIPPED, "^E$", _flipped)
    yield Comparison(MAP_2022, "^E curve 0$", _map_modulus)


def _map_modulus():
    return library_fit(exactly(Hertz, radius=5e-6), [segment(MAP_2022, 0, "approach")]).modulus[0]


def _reader_rules():
    kinds = {"prep": "pause", "appr": "approach", "intr": "pause_2", "retr": "retract"}
    for vendor, kind in kinds.items():
        for name in ("force", "time"):
            yield Comparison(RELAXATION, f"^mean {name} segment {vendor}$",
                             lambda n=name, k=kind: _segment_mean(n, k))
    yield Comparison(QI, r"^force\[0\]$", lambda: segment(QI, 0, "approach").force[0])
    yield Comparison(CHIARO, r"^force\[2000\]$", lambda: segment(CHIARO, 0, "approach").force[2000])
    yield Comparison(BRUKER, "^trigger threshold", lambda: float(np.median(trigger_heights())))


def _adhesion_rules():
    yield Comparison(ADHESIVE, "^E median", lambda: float(np.median(dmt_script.moduli_of_converged())) / GIGAPASCAL)
    yield Comparison(ADHESIVE, "^E sd", lambda: float(np.std(dmt_script.moduli_of_converged())) / GIGAPASCAL)
    for name, choose in (("median", np.median), ("min", np.min), ("max", np.max)):
        yield Comparison(ADHESIVE, f"^pull-off {name}$",
                         lambda c=choose: float(c(dmt_script.pull_offs())) / NANONEWTON)
    yield Comparison(ADHESIVE, "^failed fits of 100$", dmt_script.failures_of_library)


COMPARISONS = (*_vendor_rules(), *_peer_rules(), *_reader_rules(), *_adhesion_rules())

#: (file, quantity, reason): regular expressions (a dot of a name matches itself), and the words of the table
NOT_OF_THIS_PART = (
    (SPOT, r"^POC index", "the result of one of nanite's own estimators; asperity fits the contact point"),
    (SPOT, "^optimal_fit_delta$", "nanite's own search for a plateau of E over the depth of the fit"),
    (SPOT, "^E_[SL]$", "a layer on a substrate (Clifford 2009): the part on layered contacts"),
    (POINTS, "^rating", "a trained rating of curve quality (nanite's regressor): the part on curve quality"),
    (MAP_2022, "^(E0|betaE) curve 0$|^(tc|F0)$", "Ting's model with a power law: the part on rheology"),
    (r"^thermal/PFQNM", ".", "the thermal spectrum of a lever: the part on instruments"),
    (r"^thermal/thermal\.nid", ".", "the thermal spectrum of a lever: the part on instruments"),
)

#: (file, quantity, settings or model) of entries beyond their tolerance or without one, and the docs' heading
EXPLANATIONS = (
    (MAP_2022, "^E curve 0$", "pyfmrheo|RoV", "pyfmrheo's modulus is not the optimum"),
    (BRUKER, "^trigger threshold", "", "The trigger of the Bruker force volume"),
    (ADHESIVE, "^failed fits of 100$", "", "The 15 failures of the vendor's DMT script"),
)


def found(entry, rules=COMPARISONS):
    """The comparisons that answer an entry (there must be one at most)."""
    return [rule for rule in rules
            if entry["file"] == rule.file and re.search(rule.quantity, entry["quantity"])
            and re.search(rule.model, entry["model"]) and re.search(rule.settings, entry["settings"])]


def reason_to_wait(entry):
    """Why an entry is not compared, or None."""
    return next((why for file, quantity, why in NOT_OF_THIS_PART
                 if re.search(file, entry["file"]) and re.search(quantity, entry["quantity"])), None)


def explanation(entry):
    """The heading under which the docs explain an entry, or None."""
    return next((heading for file, quantity, which, heading in EXPLANATIONS
                 if entry["file"] == file and re.search(quantity, entry["quantity"])
                 and re.search(which, entry["settings"] + entry["model"])), None)


def tolerance(entry):
    """What the reference allows, in the unit of the entry; None where its source states nothing."""
    text, value = entry["tol"], abs(entry["value"])
    if text == "-":
        return None
    if text == "allclose":
        return 1e-5 * value
    if text == "exact":
        return 0.0
    if text.endswith("digits"):
        return 0.5001 * 10.0 ** -len(repr(entry["value"]).partition(".")[2])
    if "background" in text and "background" in entry["quantity"]:
        return 4.0
    kind, number = text.split()[:2]
    return float(number) * (1.0 if kind == "atol" else value)
