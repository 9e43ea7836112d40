"""A wrong value for any option of any command ends in a short message; new commands and options are included."""

import importlib
import shutil
import typing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from typer.models import ArgumentInfo
from typer.testing import CliRunner

from asperity.cli import app
from asperity.data import store
from asperity.measurements.force_curves.analyze import prepare
from asperity.messages import DataError
from tests.data.readers.force_curves.test_plain_csv import example
from tests.data.readers.images.tiny_images import tiny_image
from tests.data.readers.thermal_spectra.test_thermal_files import tnd

#: what a person may type where a number with a unit, a whole number, a word or a file is wanted
NUMBERS = ("text", "5 apples", "-5", "0", "nan", "inf", "1e300", "", "5,0", "1e999")
WHOLE = ("text", "-5", "0", "2.5", "nan", "1" + 30 * "0", "")
WORDS = ("sideways", "", "-5", "nan", "5", "../..", "x" * 5000, "\N{SNOWMAN}", "a\nb")
FILES = ("gone.nc", "gone.zarr", "gone.toml", "", "notes.txt", "empty.nc", "picture.spm", "\N{SNOWMAN}.nc", "a\nb.nc")
#: options that are one of few words, which a message has to list
LISTED = {"segment": "approach", "lines": "median", "shape": "sphere_cone", "fluid": "water", "model": "hertz",
          "method": "sader", "channel": "height"}
MOST_LINES = 12  # of stderr: a usage line, a box of click's, and what the files are


class Typed(NamedTuple):
    """What a person types for one parameter of a command."""

    option: str  # "" for an argument
    kind: type  # float, int, str, Path
    metavar: str | None  # of a number with a unit


def commands(group=app, path=()):
    """Every command of the application with its parameters, but for switches."""
    for info in group.registered_commands:
        function = info.callback
        hints = typing.get_type_hints(function, include_extras=True)
        found = {name: typed_as(name, hint) for name, hint in hints.items() if name != "return"}
        yield ((*path, info.name or function.__name__.replace("_", "-")),
               {name: what for name, what in found.items() if what.kind is not bool})
    for info in group.registered_groups:
        yield from commands(info.typer_instance, (*path, info.name))


def typed_as(name, hint):
    bare, *about = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
    kinds, outer = [bare], typing.get_args(bare)
    kinds += [*outer, *(inner for part in outer for inner in typing.get_args(part))]  # list[Path] | None
    kind = next(kind for kind in kinds if kind in (float, int, str, bool, Path))
    argument = any(isinstance(one, ArgumentInfo) for one in about)
    metavar = next((one.metavar for one in about if hasattr(one, "metavar")), None)
    own = [one.default for one in about if str(getattr(one, "default", ""))[:2] == "--"]  # a name of its own
    return Typed("" if argument else own[0] if own and kind is not bool else f"--{name.replace('_', '-')}", kind,
                 metavar)


COMMANDS = dict(commands())
#: command -> the arguments that make it work, on the files below; a new command is refused until it says its own
WORKING = {
    "analyze": ["map.csv", "--radius", "5um"], "demo": ["--size", "2"], "read": ["map.csv"],
    "convert": ["map.csv", "--out", "o.nc"], "fit": ["map.csv", "--radius", "5um"], "select": ["map.csv"],
    "correct": ["map.csv"], "image": ["picture.spm"], "drift": ["picture.spm", "picture.spm"],
    "force": ["map.csv", "--radius", "5um"], "dynamics": ["motion.csv"], "tapping": ["--points", "2"],
    "next": ["places.nc"],
    "spectrum": ["spectrum.csv"], "relax": ["relaxation.csv"], "report": ["results.nc"], "explain": ["results.nc"],
    "score": ["results.nc"],
    "recipe": ["results.nc"], "cite": ["results.nc"], "replay": ["results.nc"], "models": [], "formats": [],
    "doctor": [], "work": ["--job", "planned", "--chunk", "0"],
    "atoms mechanics": ["--crystal", "Si"], "atoms train": ["atoms.xyz", "--by", "random", "--epochs", "2"],
    "atoms predict": ["atoms.xyz", "--potential", "stillinger-weber"],
    "design tip": [], "design film": [], "design lattice": [], "design setpoint": [],
    "design experiment": ["--modulus", "1kPa..20kPa"],
    "calibrate spring-constant": ["noise.tnd"], "calibrate sensitivity": ["map.csv"],
    "calibrate scanner": ["map.csv"], "calibrate tip": ["picture.spm", "--size", "5"]}
#: where the work begins, in vain: the arguments are checked before
WORK = {"force_curves.sessions": ("SessionNoise.__call__",), "force_curves.demo": ("virtual_map",),
        "force_curves.select": ("of_sources",), "rheometry.material": ("learnt_error",),
        "rheometry.power_law": ("fit_viscoelastic",), "calibration.tip": ("bound_tip",), "tip_force.law": ("_fitted",),
        "time_series.series": ("_modes",),
        "tapping.curves": ("_settle",), "atoms.mechanics": ("_found",),
        "atoms.training": ("_trained",), "atoms.prediction": ("answered",),
        "discovery.inverse.tip": ("answer",), "discovery.inverse.film": ("answer",),
        "discovery.inverse.lattice": ("answer",), "discovery.inverse.setpoint": ("answer",),
        "discovery.experiment.plan": ("judged",), "calibration.cantilever": ("thermal_calibration.calibrate",)}


def in_vain(*_, **__):
    raise DataError("taken")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one small file of each kind."""
    place = tmp_path_factory.mktemp("typed")
    (place / "map.csv").write_text(example())
    tiny_image("nanoscope", place)[0].rename(place / "picture.spm")
    tnd(place / "noise.tnd")
    prepare(place / "map.csv", {"name": "hertz", "radius": 5e-6}, out=place / "planned")
    (place / "notes.txt").write_text("no data\n")
    (place / "empty.nc").write_bytes(b"")
    results = xr.Dataset({"modulus": ("curve", [1e3, 2e3], {"units": "Pa"}), "flag": ("curve", [0, 0])})
    store.save(results, place / "results.nc")
    row, column = (index.ravel() for index in np.indices((5, 5)))
    store.save(xr.Dataset({"modulus": ("curve", 1e3 * np.exp(0.1 * column)), "flag": ("curve", 0 * row)},
                          {"x": ("curve", 1e-6 * column), "y": ("curve", 1e-6 * row)}), place / "places.nc")
    (place / "motion.csv").write_text("time (us), deflection (nm)\n" + "\n".join(
        f"{t}, {np.cos(0.3 * t)}" for t in range(400)) + "\n")
    cell = 'Lattice="5.43 0 0 0 5.43 0 0 0 5.43" energy={} pbc="T T T"'
    (place / "atoms.xyz").write_text("".join(f"2\n{cell.format(i)}\nSi 0 0 0\nSi 1.{i} 1.4 1.4\n" for i in range(4)))
    f = np.geomspace(1, 100, 6)
    for name, title in (("spectrum", "frequency (Hz), storage_modulus (Pa), loss_modulus (Pa)"),
                        ("relaxation", "time (s), relaxation_modulus (Pa)")):
        rows = [", ".join(f"{x:.6g}" for x in row) for row in zip(f, 1e3 * f**0.2, 300 * f**0.2)]
        cut = [row if name == "spectrum" else ", ".join(row.split(", ")[:2]) for row in rows]
        (place / f"{name}.csv").write_text("\n".join([title, *cut]) + "\n")
    return place


def typed(command, option, value):
    """The arguments of a working command with one of them replaced by ``value``."""
    arguments = list(WORKING[" ".join(command)])
    if not option:
        options = arguments[next((i for i, word in enumerate(arguments) if word.startswith("--")), len(arguments)):]
        return [*command, *options, "--", value]
    return [*command, *arguments, option, value]


NONSENSE = {float: NUMBERS, int: WHOLE, str: WORDS, Path: FILES}
CASES = [(command, name) for command, found in COMMANDS.items() for name in found]


def test_every_command_has_working_arguments():
    assert {" ".join(command) for command in COMMANDS} == set(WORKING)
    assert len(CASES) > 80


def refused(command, name, value, folder, monkeypatch):
    """What is said of one value of an option, which ends the command before it opens a file."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    found = CliRunner().invoke(app, typed(command, COMMANDS[command][name].option, value))
    assert found.exit_code == 2, found.output
    assert f"Invalid value for '{COMMANDS[command][name].option}'" in found.stderr
    assert sorted(folder.iterdir()) == before
    return found.stderr


UNITS = {"LENGTH": "nm?", "ANGLE": "deg or ", "STIFFNESS": "mN/m?", "LENGTH/V": "nm/V?", "TENSION": "mN/m?",
         "TEMPERATURE": "K?", "FREQUENCY": "Hz?", "MODULUS": "MPa?", "ENERGY": "zJ?", "VISCOSITY": "mPa.s?",
         "ADHESION": "J/m^2?", "FORCE": "pN?", "TIME": "ms?", "SPEED": "mm/s?"}
PURE = {"FACTOR"}  # numbers of any size without a unit


@pytest.mark.parametrize(("command", "name"), [case for case in CASES if COMMANDS[case[0]][case[1]].kind is float
                                                 and COMMANDS[case[0]][case[1]].metavar not in PURE])
def test_no_number_is_taken_without_its_unit(command, name, folder, monkeypatch):
    """A bare radius was in m, an angle in radians, an uncertainty of 5 was 500 %."""
    metavar = COMMANDS[command][name].metavar
    said = refused(command, name, "5", folder, monkeypatch)
    if metavar in UNITS:
        assert "'5' lacks its unit: 5" in said
        assert UNITS[metavar] in said
    else:
        assert metavar in ("RELATIVE", "NUMBER")
        assert "'5' lies outside of" in said


OUTPUTS = [(command, "out") for command, found in COMMANDS.items() if "out" in found]


@pytest.mark.parametrize(("command", "name"), OUTPUTS)
@pytest.mark.parametrize(("value", "why"), [("notes.txt", ""), ("notes.txt/results.nc", "is no folder"),
                                            ("notes.txt/page.html", "")])
def test_where_to_write_is_asked_before_the_work(command, name, value, why, folder, monkeypatch):
    """A whole fit was lost to a name that nothing can be stored by."""
    if command == ("atoms", "train"):  # weights are no dataset
        value = value.replace(".nc", ".npz")
    if COMMANDS[command][name].option == "--out":
        assert why in refused(command, name, value, folder, monkeypatch) or command == ("report",)


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_wrong_value_ends_in_a_short_message(command, name, folder, tmp_path, monkeypatch):
    for module, names in WORK.items():
        importlib.import_module(f"asperity.measurements.{module}")
        for work in names:
            monkeypatch.setattr(f"asperity.measurements.{module}.{work}", in_vain)
    walk(command, name, folder, tmp_path, monkeypatch)


def walk(command, name, folder, tmp_path, monkeypatch):
    """Type every nonsense for one parameter of a command."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    option, kind, _ = COMMANDS[command][name]
    for value in NONSENSE[kind]:
        found = CliRunner().invoke(app, typed(command, option, value))
        said = f"{command} {option} {value[:30]!r}: {found.exit_code} {found.stderr}"
        assert found.exception is None or isinstance(found.exception, SystemExit), said
        assert found.exit_code in (0, 1, 2), said
        assert "Traceback" not in found.output, said
        assert "defect of asperity" not in found.output, said
        assert len(found.stderr.splitlines()) <= MOST_LINES, said
        if name in LISTED and value == "sideways":
            assert found.exit_code == 2, said
            assert LISTED[name] in found.stderr, said
