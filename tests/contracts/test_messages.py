"""Every verb of the library says in one line what is wrong with an argument; a new verb is included by itself."""

import dataclasses
import inspect
import typing

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import calibrate, correct
from asperity.contact import MODELS
from asperity.data import store
from asperity.measurements.replay import VERBS
from asperity.messages import AsperityError
from asperity.quantities import QUANTITIES
from asperity.rheology._registry import RELAXATION_MODELS
from asperity.virtual.calibration import virtual_spectrum
from asperity.virtual.force_map import Instrument, virtual_map
from asperity.virtual.image import Imaging, virtual_images
from asperity.virtual.surface import self_affine
from tests.data.readers.images.tiny_images import tiny_image

#: the verbs that a history names, and those of the library itself
EVERY = {**VERBS, **{name: getattr(asperity, name) for name in (*asperity._VERBS, "report")},
         **{f"calibrate.{name}": getattr(calibrate, name) for name in calibrate.__all__},
         **{f"correct.{name}": getattr(correct, name) for name in correct.__all__}}

#: verb -> the kinds of data below that its first argument takes; a new verb is refused until it says its own
TAKES = {
    "analyze": {"file"}, "convert": {"file"}, "read": {"file"}, "calibrate.sensitivity": {"file", "curves"},
    "calibrate.scanner": {"file", "curves"}, "fit": {"curves"}, "select": {"curves"}, "correct.curves": {"curves"},
    "holds": {"curves"}, "modulus_spectrum": {"curves"}, "power_law": {"curves"}, "score": {"results"},
    "explain": {"results"}, "report": {"results"}, "replay": {"results", "image", "curves"},
    "read_image": {"image file"},
    "correct.image": {"image"}, "correct.drift": {"image"}, "calibrate.tip": {"image", "image file"},
    "spectrum": {"table"}, "relax": {"relaxation"}, "median_spectrum": {"moduli"},
    "calibrate.spring_constant": {"power", "power file"}, "virtual_map": set(), "doctor": set(),
    "force_law": {"curves"}, "predict": {"law"}, "force_law_of_table": {"force table"},
    "force_law_of_frequency_shift": {"shift table"}, "series_model": {"motion table"}, "tapping": set(),
    "crystal_mechanics": {"crystal file", "atoms file", "None", "[]"},
    "design_tip": {"results", "None"}, "design_film": {"results", "None"}, "design_lattice": {"results", "None"},
    "design_setpoint": {"results", "None"}, "plan_experiment": {"5"}, "next_points": {"places"},
    "predict_atoms": {"crystal file", "atoms file"}, "train_potential": {"atoms file"}}

#: what is wrong with a number, a name, a list ...; those that an argument does take are left out below
NONSENSE = {"None": None, "5": 5, "-1": -1, "nan": float("nan"), "text": "text", "[]": [], "list": [None, 5],
            "array": np.full((2, 3), -1.0), "dictionary": {"depth": -1.0}, "object": object()}
#: (verb or "", argument) -> nonsense that is sense there
SENSE = {
    ("", "level"): {"5"}, ("", "lines"): {"5"}, ("", "features"): {"5"}, ("", "reach"): {"5"}, ("", "seed"): {"5"},
    ("", "batch"): {"5"}, ("", "draws"): {"5"}, ("", "size"): {"5"}, ("", "curves"): {"5"}, ("", "rows"): {"5"},
    ("", "columns"): {"5"}, ("", "noise"): {"5"}, ("", "pitch"): {"5"}, ("", "noise_bound"): {"5"},
    ("", "temperature"): {"5"}, ("", "workers"): {"5"},
    ("", "radius"): {"5"}, ("", "spring_constant"): {"5"}, ("", "sensitivity"): {"5"},
    ("", "radius_std"): {"5"}, ("", "spring_constant_std"): {"5"}, ("", "sensitivity_std"): {"5"},
    ("", "calibration"): {"[]"}, ("", "title"): {"text"}, ("report", "path"): {"text"}, ("analyze", "out"): {"text"},
    ("power_law", "folder"): {"text"}, ("force_law", "folder"): {"text"}, ("", "amplitude"): {"5"},
    ("", "resonance_frequency"): {"5"}, ("tapping", "points"): {"5"}, ("tapping", "amplitude"): set(),
    ("next_points", "budget"): {"5"}, ("next_points", "repeat_every"): {"5"}, ("next_points", "threshold"): {"5"},
    ("next_points", "spacing"): {"5"},
    ("train_potential", "epochs"): {"5"}, ("train_potential", "minutes"): {"5"}, ("train_potential", "members"): {"5"},
    ("", "contact_point"): set(NONSENSE),  # an array; no curve here has the segment that it is for
}
#: what a verb needs beside its data
NEEDS = {"predict": {"separation": [1e-9]}, "plan_experiment": {"modulus": 1e4}}
#: of the data below that a verb takes, which one it gets
PREFERRED = ("file", "image file", "curves", "image", "results", "power", "table", "relaxation", "force table",
             "shift table", "motion table", "law", "places", "crystal file", "atoms file")
LONGEST = 500  # characters of a message: what fits into a few lines of a terminal


#: what is missing, where a message names that and not the argument
MISSING = ("no hold: it needs", "no spectrum: it needs", "no relaxation: it needs", "has no history",
           "no modulation segment")


def check(said, argument, value):
    """Hold a message to the rule: one line that names the argument, what was given, or what is missing."""
    assert said.strip(), argument
    assert said.count("\n") == 0, (argument, said)
    assert len(said) <= LONGEST, (argument, said)
    given = isinstance(value, str) and value in said
    assert argument in said or given or any(words in said for words in MISSING), (argument, said)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """One small thing of each kind."""
    curves = virtual_map(rows=1, columns=2, samples=64)
    image = virtual_images(self_affine((48, 48), rms=20e-9, seed=0), Imaging(pixel=5e-9), margin=4)
    results = xr.Dataset({"modulus": ("curve", [1e3, 2e3], {"units": "Pa"}), "flag": ("curve", [0, 0])},
                         {"curve": [0, 1]})
    power = virtual_spectrum(Instrument(spring_constant=0.2, sensitivity=60e-9, resonance=60e3, quality=120.0))
    row, column = (index.ravel() for index in np.indices((8, 8)))
    places = xr.Dataset({"modulus": ("curve", 1e3 * np.exp(0.1 * column + 0.05 * row)), "flag": ("curve", 0 * row)},
                        {"x": ("curve", 1e-6 * column), "y": ("curve", 1e-6 * row)})
    folder = tmp_path_factory.mktemp("data")
    picture = tiny_image("nanoscope", folder)[0]
    frequency = np.geomspace(1, 100, 8)
    moduli = {f"{part}_modulus": ("frequency", 1e3 * frequency**0.1, {"units": "Pa"}) for part in ("storage", "loss")}
    spectrum = xr.Dataset(moduli, {"frequency": frequency})
    relaxation = xr.Dataset({"relaxation_modulus": ("time", 1e3 * frequency**-0.1)}, {"time": frequency})
    tables = {"force table": "z (nm),force (nN)", "shift table": "z (nm),df (Hz)"}
    for kind, title in tables.items():
        path = folder / f"{kind}.csv"
        lever = ["# amplitude = 1 nm", "# spring constant = 30 N/m", "# resonance frequency = 30 kHz"]
        path.write_text("\n".join([*lever, title, *(f"{i},{-1 / i}" for i in range(1, 20))]), encoding="utf-8")
        tables[kind] = str(path)
    motion = folder / "motion.csv"
    time = np.arange(400)
    motion.write_text("\n".join(["time (us), deflection (nm)", *(
        f"{t}, {np.cos(0.3 * t) + 1e-3 * np.cos(t**2)}" for t in time)]), encoding="utf-8")
    crystal = folder / "crystal.vasp"
    crystal.write_text("Si\n5.43\n0 .5 .5\n.5 0 .5\n.5 .5 0\nSi\n2\nDirect\n0 0 0\n.25 .25 .25\n")
    atoms = folder / "atoms.xyz"
    cell = 'Lattice="5.43 0 0 0 5.43 0 0 0 5.43" energy={} pbc="T T T" config_type="{}"'
    atoms.write_text("".join(f"2\n{cell.format(i, i)}\nSi 0 0 0\nSi 1.{i} 1.4 1.4\n" for i in range(4)))
    return {**tables, "atoms file": str(atoms), "crystal file": str(crystal), "law": _law(),
            "motion table": str(motion),
            "curves": curves, "image": image, "places": places, "results": results, "power": power,
            "empty": xr.Dataset(),
            "no curves": curves.isel(curve=slice(0, 0)), "foreign": xr.Dataset({"a": ("b", [1.0])}),
            "image file": str(picture), "table": spectrum, "relaxation": relaxation,
            "file": str(store.save(curves, folder / "curves.nc"))}


def _law():
    """What `predict` needs to take a dataset for a law."""
    names = ("separation", "force", "force_gradient", "part_force", "hyperparameter", "bin_covariance")
    return xr.Dataset({name: ("curve", [0.0]) for name in names})


def parameters(verb):
    function = type(verb).__call__ if not inspect.isfunction(verb) else verb
    return {name: parameter for name, parameter in inspect.signature(function).parameters.items() if name != "self"}


def first(name, data, tmp_path):
    """A call of the verb with data that it takes, as keyword arguments."""
    own = list(parameters(EVERY[name]))
    kind = next((kind for kind in PREFERRED if kind in TAKES[name]), None)
    given = {**({own[0]: data[kind]} if kind else {}), **NEEDS.get(name, {})}
    return given | {key: str(tmp_path / "out.nc") for key in ("out", "path") if key in own[1:]}


def test_every_verb_says_what_it_takes():
    assert set(EVERY) == set(TAKES)


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"virtual_map", "doctor"}))
def test_wrong_data_are_named(name, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where there is no file "text"
    own = list(parameters(EVERY[name]))
    tables = set() if name.startswith("force_law_of") else {"force table", "shift table"}
    atoms = {"crystal file", "atoms file"} if "file" in TAKES[name] else set()  # whose refusal lists all formats
    places = {"places"} if "results" in TAKES[name] else set()  # which are results with places
    taken = {*TAKES[name], "file", *tables, *atoms, *places}
    wrong = {kind: value for kind, value in {**NONSENSE, **data}.items() if kind not in taken}
    for value in wrong.values():
        given = {**NEEDS.get(name, {}), own[0]: value,
                 **{key: str(tmp_path / "out.nc") for key in ("out", "path") if key in own[1:]}}
        with pytest.raises(AsperityError) as error:
            EVERY[name](**given)
        check(str(error.value), own[0], value)


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"doctor"}))
def test_wrong_arguments_are_named(name, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = first(name, data, tmp_path)
    tried = 0
    for argument, parameter in list(parameters(EVERY[name]).items())[1 if name != "virtual_map" else 0:]:
        hints = typing.get_type_hints(EVERY[name]) if inspect.isfunction(EVERY[name]) else {}
        if hints.get(argument) is bool or "Callable" in str(hints.get(argument)) or argument == "restart":
            continue
        allowed = SENSE.get((name, argument), SENSE.get(("", argument), set()))
        allowed = {*allowed, *(["None"] if "None" in str(hints.get(argument, parameter.default)) else [])}
        for kind in set(NONSENSE) - allowed:
            try:
                EVERY[name](**{**given, argument: NONSENSE[kind]})
            except AsperityError as error:
                check(str(error), argument, NONSENSE[kind])
                tried += 1
            except Exception as error:
                raise AssertionError(f"{argument} = {kind}: {type(error).__name__}: {error}") from error
            else:
                raise AssertionError(f"{argument} = {kind} was taken")
    assert tried or len(parameters(EVERY[name])) == 1


@pytest.mark.parametrize("model", sorted({**MODELS, **RELAXATION_MODELS}))
@pytest.mark.parametrize("value", [None, "text", -1.0, float("nan")])
def test_models_refuse_a_wrong_number(model, value):
    kind = {**MODELS, **RELAXATION_MODELS}[model]
    names = [field.name for field in dataclasses.fields(kind) if "quantity" in field.metadata]
    wanted = [name for name in names if not (value == -1.0 and QUANTITIES[name].lower == -np.inf)]
    right = {name: 0.5 * min(QUANTITIES[name].upper, 1.0) for name in names}
    assert wanted
    for name in wanted:
        with pytest.raises(AsperityError) as error:
            kind(**{**right, name: value})
        check(str(error.value), name, value)
