"""What every verb's result holds: whose it is, how sure, what became of it, how it was made, what was assumed."""

import functools
import inspect
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from asperity import correct
from asperity.contact import Hertz
from asperity.data import store
from asperity.data.curves import Curves, to_dataset
from asperity.data.results import IDENTITY, assumptions, codes
from asperity.measurements.force_curves.contents import gathered
from asperity.measurements.force_curves.summary import flag_line
from asperity.measurements.force_curves.table import write_csv
from asperity.measurements.images.read import read_image
from asperity.measurements.replay import VERBS
from asperity.measurements.rheometry.hold import holds
from asperity.measurements.rheometry.material import median_spectrum
from asperity.rheology.oscillatory_contact import DampedLever
from asperity.rheology.structural_damping import StructuralDamping
from asperity.virtual.force_map import virtual_map
from asperity.virtual.oscillation import Recording, virtual_oscillations
from tests.data.readers.images.tiny_images import tiny_image
from tests.test_cli import run

RADIUS = 5e-6
#: the verbs that take a contact model
PER_CURVE = ("fit", "select", "analyze", "modulus_spectrum", "holds", "power_law", "force_law")

#: what the instrument of a verb was taken to be where nobody tells it
UNTOLD = {"modulus_spectrum": {"drag": 0.0, "lag": 0.0}}


@functools.cache
def curves(kind: str):
    """Force curves of one kind that state no tip."""
    if kind == "map":
        made = virtual_map(rows=2, columns=2, samples=512, seed=1)  # as in test_select: compiled once for both
    elif kind == "oscillations":
        made = virtual_oscillations(Hertz(radius=RADIUS), StructuralDamping(modulus=300.0, order=0.2, viscosity=0.2),
                                    DampedLever(0.01), Recording(), curves=2, seed=0)
    else:
        made = _held()
    made.attrs = {name: value for name, value in made.attrs.items() if "radius" not in name}
    return made.load()


def _held():
    """Two curves that hold, of a force that relaxes but is no hereditary one; a third begins in contact."""
    k, rng = 0.05, np.random.default_rng(0)
    ramp, pause = np.linspace(-3e-6, 1e-6, 1200), np.full(1200, 1e-6)
    time = np.arange(2400) / 1000
    depth = np.concatenate([ramp, pause])
    modulus = 1000 * (1 + np.exp(-np.maximum(time - 0.9, 0) / 0.3))
    force = 16 / 9 * modulus * np.sqrt(RADIUS) * np.clip(depth, 0, None) ** 1.5
    force = force + 2e-11 * rng.standard_normal((3, 2400))
    height = -depth - force / k
    parts = [(0, slice(0, 1200)), (0, slice(1200, 2400))]
    channels = {"time": time[None].repeat(3, 0), "height": height, "force": force}
    loaders = {name: (lambda curve, values=values: [values[curve][part] for _, part in parts])
               for name, values in channels.items()}
    counts = np.full((3, 2), 1200)
    held = to_dataset(Curves(("approach", "pause"), counts, loaders, "s", spring_constant=k, x=[0.0, 1e-6, 2e-6], y=0.0,
                             row=0, column=[0, 1, 2]), "held.nc").load()
    held["force"][2] += 1e-9 * np.linspace(0, 5, 1200)  # begins in contact, by its rising baseline
    return held


@functools.cache
def result(name: str, stated: bool, given: bool):
    """The result of a verb on curves that state their tip or not, with the radius given or not."""
    kinds = {"modulus_spectrum": "oscillations", "holds": "hold", "power_law": "hold", "force_law": "hold"}
    data = curves(kinds.get(name, "map"))
    data = data.assign_attrs(radius=RADIUS) if stated else data
    options = {} if not given else {"radius": RADIUS} if name == "select" else {
        "model": {"name": "hertz", "radius": RADIUS}}
    options |= {"modulus_spectrum": {"contact_point": 0.0}, "holds": {"draws": 4},
                "force_law": {"draws": 32}}.get(name, {})
    if name == "analyze":
        with tempfile.TemporaryDirectory() as folder:
            return VERBS[name](store.save(data, Path(folder) / "map.nc"), **options)
    return VERBS[name](data, **options)


def test_every_verb_with_a_contact_model_is_held_to_this():
    with_tip = {name for name, verb in VERBS.items() if {"model", "radius"} & set(inspect.signature(verb).parameters)}
    assert with_tip == set(PER_CURVE)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[pytest.mark.study] * (name in {"force_law", "select", "power_law", "holds"}))  # long
    for name in PER_CURVE])
def test_a_tip_in_the_file_is_used_and_one_that_nobody_states_is_assumed_aloud(name, caplog):
    """A stated radius gives the numbers of the same radius given; without one it stands in ``assumed`` and the log."""
    own, same = result(name, True, False), result(name, False, True)
    for quantity in (str(n) for n, v in same.data_vars.items() if v.dtype.kind == "f"):
        np.testing.assert_array_equal(own[quantity].values, same[quantity].values, err_msg=quantity)
    untold = UNTOLD.get(name, {})
    assert json.loads(own.attrs["assumed"]) == json.loads(same.attrs["assumed"]) == untold
    assert len(assumptions(own)) == bool(untold)
    guessed = result.__wrapped__(name, False, False)
    assert json.loads(guessed.attrs["assumed"]) == {"radius": 1e-6} | untold
    assert "ASSUMED radius = 1 um" in caplog.text
    also = ", drag = 0 N s/m, lag = 0 s" if untold else ""
    assert assumptions(guessed) == [f"ASSUMED, because nobody said it: radius = 1 um{also}. The moduli depend on it."]
    step = json.loads(guessed.attrs["history"])[-1]
    assert "radius" not in step["arguments"].get("model", {})  # what nobody gave is not recorded as given


@pytest.mark.parametrize("name", PER_CURVE)
def test_one_result_contract(name):
    """Identity of every curve, an uncertainty beside every quantity, a flag by its own meanings, history, citations."""
    made = result(name, True, False)
    lost = {coordinate for coordinate in IDENTITY if coordinate not in made.coords}
    assert not lost, lost
    for quantity in ("modulus", "work_of_adhesion", "contact_point", "storage_modulus", "loss_modulus",
                     "relaxation_fit", "order", "contact_attraction"):
        if quantity in made:
            assert f"{quantity}_std" in made or {f"{quantity}_low", f"{quantity}_high"} <= set(made.data_vars), quantity
            assert made[quantity].attrs["units"]
    flag = made["flag"]
    assert set(np.unique(flag)) <= set(np.atleast_1d(flag.attrs["flag_values"]).tolist())
    assert len(flag.attrs["flag_meanings"].split()) == len(np.atleast_1d(flag.attrs["flag_values"]))
    assert json.loads(made.attrs["history"])[-1]["verb"] == name
    assert any("asperity" in entry for entry in json.loads(made.attrs["citations"]))
    assert len(json.loads(made.attrs["citations"])) >= 2  # the program and what it rests on


def test_a_curve_that_holds_cannot_fit_is_named_as_its_dataset_says(tmp_path):
    made = result("holds", True, False)
    assert codes(made)[int(made["flag"][2])].name == "not_fitted"
    assert made["flag"].values[:2].tolist() == [1, 1]
    assert np.isfinite(made["contact_point_std"].values[:2]).all()
    assert flag_line(gathered(made)) == "3 of 3 curves flagged: 2 small_misfit, 1 not_fitted"
    rows = write_csv(made, tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()
    assert [line.count("not_fitted") for line in rows[1:]] == [0, 0, 1]


def test_the_screen_and_the_page_say_what_was_assumed(tmp_path):
    held = store.save(curves("hold"), tmp_path / "held.nc")
    code, out, _ = run("relax", held, "--out", tmp_path / "relaxation.nc")
    assert "ASSUMED, because nobody said it: radius = 1 um." in out
    assert "ASSUMED" in (tmp_path / "relaxation.html").read_text(encoding="utf-8")
    assert code == 1  # one curve is not fitted
    moduli = median_spectrum(result("modulus_spectrum", False, False).isel(curve=[0, 1, 1]))
    assert json.loads(moduli.attrs["assumed"]) == {"radius": 1e-6} | UNTOLD["modulus_spectrum"]


def interrupted(work, **given):
    """``work`` with other arguments ``given``, which is interrupted at its second call; and the list of its calls."""
    calls = []

    def fragile(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return work(*args, **kwargs | given)

    return fragile, calls


def test_work_on_curves_goes_on_where_it_was(tmp_path):
    """`holds` and `modulus_spectrum` with a folder: interrupted after the first chunk, the rest alone is done."""
    from asperity.measurements.rheometry import hold

    whole = holds(curves("hold"), {"name": "hertz", "radius": RADIUS}, draws=4)
    fragile, calls = interrupted(hold.fit_step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hold, "_BATCH", 1)
        patch.setattr(hold, "fit_step", fragile)
        with pytest.raises(KeyboardInterrupt):
            holds(curves("hold"), {"name": "hertz", "radius": RADIUS}, draws=4, folder=tmp_path / "work")
        again = holds(curves("hold"), {"name": "hertz", "radius": RADIUS}, draws=4, folder=tmp_path / "work")
    assert len(calls) == 3  # the first curve once, the second twice; the third is refused before its fit
    np.testing.assert_array_equal(again["relaxation_fit"].values, whole["relaxation_fit"].values)


@pytest.mark.parametrize("make", [
    lambda image: image, lambda image: correct.image(image)])
def test_other_results_say_how_they_were_made(make, tmp_path):
    made = make(read_image(tiny_image("nanoscope", tmp_path)[0]))
    assert json.loads(made.attrs["history"])
