"""Imports run one way, physics knows no files, and the code stays small enough to read."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "src" / "asperity"

PHYSICS = {"contact", "rheology", "dynamics", "atomistic", "instrument"}
_BELOW = {"messages", "quantities", *PHYSICS, "learning"}
#: part -> the parts it may import
MAY_IMPORT = {
    "messages": set(),
    "quantities": {"messages"},
    "units": {"messages"},
    "diagnosis": set(),
    "contact": {"messages", "quantities"},
    "rheology": {"messages", "quantities", "contact"},
    "dynamics": {"messages", "quantities", "contact", "rheology"},
    "atomistic": {"messages", "quantities"},
    "instrument": {"messages", "quantities"},
    "learning": {"messages", "quantities", *PHYSICS},
    "evaluation": {"messages"},
    "data": {"units", "diagnosis", *_BELOW},
    "virtual": {"data", *_BELOW},
    "report": {"data", *_BELOW},
    "terminal": {"units", "data", *_BELOW},
    "measurements": {"units", "data", "virtual", "report", "terminal", "evaluation", "calibrate", "correct", *_BELOW},
    "calibrate": {"measurements"},
    "correct": {"measurements"},
    "cli": {"measurements", "terminal", "diagnosis"},
    "__main__": {"cli"},
    "__init__": set(),
}
#: kind of measurement -> the other kinds it may import
KINDS = {"force_curves": set(), "images": set(), "rheometry": {"force_curves"},
         "calibration": {"force_curves", "images"}, "tip_force": {"force_curves"}, "time_series": set(),
         "tapping": set(), "atoms": set(), "discovery": {"force_curves"}}
#: the kit of every page is, called, the verb that writes the page of a result
EXCEPTIONS = {("report/__init__.py", "asperity.measurements.force_curves.page.html")}
KNOWS_NO_FILES = {*PHYSICS, "learning", "evaluation", "quantities", "messages"}
#: what physics, learning and evaluation must not know: tables, figures, files
OUTSIDE = {"xarray", "pandas", "matplotlib", "bokeh", "h5py", "h5netcdf", "zarr", "typer", "rich", "zipfile",
           "pathlib", "os", "io", "csv", "json", "pickle", "tomllib", "dask", "afmformats", "NSFopen"}

#: ways to open a file: called by name, by any object, or of a module
OPENS = {"open", "FileIO", "fromfile", "memmap", "mmap", "genfromtxt", "ZipFile", "urlopen", "open_zarr",
         "open_mfdataset", "open_dataarray", "load_dataset", "load_dataarray", "read_csv", "open_topography", "File",
         "open_array", "open_group", "open_binary"}
METHODS = {"read_bytes", "read_text"}
OPENS_OF = {"np": {"load", "loadtxt", "open_memmap"}, "numpy": {"load", "loadtxt"}, "xr": {"open_dataset"},
            "xarray": {"open_dataset"}, "tomllib": {"load"}, "json": {"load"}, "pickle": {"load"}, "shelve": {"open"}}
#: the door, with the process behind it
DOOR = {"data/opening.py", "data/trial.py", "data/trial_process.py"}
#: file -> what it may open by itself, and why
OPENS_ITSELF = {
    "data/disk.py": {"os.open": "flushes what was written", "Path(f'/proc/{pid}/stat').read_text": "of the system",
                     "path.read_text": "its own job and lock"},
    "data/store.py": {"open": "writes"},
    "data/jobs.py": {"open": "writes chunks", "ZipFile": "bytes of its own chunks", "np.load": "bytes of them",
                     "file.read_bytes": "its own chunks", "path.read_bytes": "its own chunks"},
    "data/lock.py": {"open": "writes"},
    "data/readers/_table.py": {"np.loadtxt": "lines in memory"},
    "data/readers/_text.py": {"archive.open": "through the door"},
    "data/readers/force_curves/jpk.py": {"archive.open": "through the door", "self.archive.open": "through the door"},
    "data/readers/images/jpk.py": {"archive.open": "through the door"},
    "data/readers/images/surface_topography.py": {"open_topography": "takes a name; the door has checked it"},
    "measurements/atoms/weights.py": {"np.load": "bytes through the door", "ZipFile": "bytes through the door"},
    "measurements/atoms/checkpoints.py": {"np.load": "bytes through the door"},
    "measurements/force_curves/table.py": {"open": "writes"},
    "measurements/force_curves/page/html.py": {"(place / f'report.{name}').read_text": "of the package"},
}

#: lines that can be read at once
FILE_LINES = 394
FUNCTION_LINES = 51
PARAMETERS = 8
#: the entry points, whose parameters are what a person may say in one call
MANY_PARAMETERS = {
    "measurements/force_curves/command.py:analyze": "one option per physical input of the command",
    "measurements/force_curves/command.py:fit": "one option per physical input of the command",
    "measurements/force_curves/command.py:select": "one option per physical input of the command",
    "measurements/calibration/command.py:spring_constant": "one option per physical input of the command",
    "measurements/rheometry/command.py:spectrum": "one option per physical input of the command",
    "measurements/rheometry/command.py:relax": "one option per physical input of the command",
    "measurements/tip_force/command.py:force": "one option per physical input of the command",
    "measurements/time_series/command.py:dynamics": "one option per physical input of the command",
    "measurements/discovery/next/command.py:next_points": "one option per physical input of the command",
    "measurements/discovery/next/points.py:next_points": "goal, area, what is enough, what a curve costs",
    "measurements/tapping/command.py:tapping": "one option per physical input of the command",
    "measurements/discovery/experiment/command.py:experiment": "one option per physical input of the command",
    "measurements/discovery/inverse/command.py:tip": "one option per physical input of the command",
    "measurements/discovery/inverse/command.py:film": "one option per physical input of the command",
    "measurements/discovery/inverse/command.py:lattice": "one option per physical input of the command",
    "measurements/discovery/inverse/command.py:setpoint": "one option per physical input of the command",
    "measurements/discovery/inverse/tip.py:design_tip": "sample, targets, instrument, levers, how sure",
    "measurements/atoms/command.py:mechanics": "one option per physical input of the command",
    "measurements/atoms/command.py:train": "one option per physical input of the command",
    "measurements/atoms/command.py:predict": "one option per name of an entry of the file",
    "measurements/atoms/training.py:train_potential": "the whole way in one call: data, splits, network, time, output",
    "measurements/images/command.py:image": "one option per step of the command",
    "measurements/force_curves/analyze.py:analyze": "the whole way in one call: inputs, model, calibration, output",
    "measurements/force_curves/select.py:select": "data, tip, instrument, what is asked, how the work is shared",
    "measurements/force_curves/over_curves.py:do": "what a worker is sent: the task, the job, the curves",
    "measurements/rheometry/modulation.py:modulus_spectrum": "data, model, instrument, how the work is kept and shared",
    "measurements/force_curves/fit.py:fit": "data, model, calibration uncertainty",
    "measurements/force_curves/fit_curves.py:fit_curves": "data, model, window and calibration uncertainty",
}
#: public class names that several files may define, each with the reason
SHARED_NAMES: set[str] = set()


def sources():
    return sorted(ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST, package: str = "asperity"):
    """The dotted names that a module imports, relative ones made absolute within ``package``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
            if base in {"asperity", "jax"} or not base:
                yield from (f"{base}.{alias.name}" for alias in node.names)
            else:
                yield base


def wrong_imports(part: str, tree: ast.AST, package: str):
    """The imports of one module that its part may not make."""
    wrong = []
    kind = package.split(".")[2] if package.startswith("asperity.measurements.") else None
    for name in imports(tree, package):
        first, *rest = name.split(".")
        if first == "asperity":
            if rest[:1] == ["_lazy"] or (not rest and part not in KNOWS_NO_FILES):
                continue  # the door: a verb, the version
            if not rest or rest[0] not in {part, *MAY_IMPORT[part]}:
                wrong.append(name)
            elif kind and rest[0] == part and len(rest) > 1 and rest[1] in KINDS and rest[1] not in {
                    kind, *KINDS[kind]}:
                wrong.append(name)
        elif first in OUTSIDE and part in KNOWS_NO_FILES:
            wrong.append(name)
    opens = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
             and n.func.id == "open" and part in KNOWS_NO_FILES]
    return wrong + ["open()"] * len(opens)


def openings(tree: ast.AST):
    """The calls of a module that open a file, as they are written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            place, _, last = name.rpartition(".")
            if place != "opening" and (last in OPENS or (place and last in METHODS) or last in OPENS_OF.get(place, ())):
                yield name


def functions(tree: ast.AST):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def constants_in_one(tree: ast.Module):
    """The module-level lines that give several constants their values, from a tuple of these or one for all."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and (isinstance(node.value, ast.Tuple | ast.List) or len(node.targets) > 1):
            names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            if len(names) > 1 and all(name.isupper() for name in names):
                yield ast.unparse(node)


def length(function) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(
        first.value.value, str)
    inside = (first.end_lineno - first.lineno + 1) if documented else 0
    return function.end_lineno - function.lineno + 1 - inside


def parameters(function) -> int:
    a = function.args
    names = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return len([n for n in names if n not in {"self", "cls"}])


@pytest.fixture(scope="module")
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources()}


def test_every_part_has_its_place():
    unknown = {part_of(path) for path in sources()} - set(MAY_IMPORT)
    unknown |= {path.name for path in (ROOT / "measurements").iterdir() if (path / "__init__.py").exists()} - set(KINDS)
    assert not unknown, f"say in this test where {unknown} stand among the arrows"


def test_imports_run_one_way(trees):
    found = {}
    for path, tree in trees.items():
        folder = path.relative_to(ROOT.parent).parent
        name = path.relative_to(ROOT).as_posix()
        wrong = [w for w in wrong_imports(part_of(path), tree, ".".join(folder.parts)) if (name, w) not in EXCEPTIONS]
        if wrong:
            found[name] = wrong
    assert not found


@pytest.mark.parametrize(("part", "code", "wrong"), [
    ("contact", "import xarray as xr", ["xarray"]),
    ("contact", "from asperity.learning import outcome", ["asperity.learning"]),
    ("contact", "from ..data import schema", ["asperity.data"]),
    ("contact", "from ._model import AbstractContactModel\nimport jax.numpy as jnp", []),
    ("contact", "from asperity import quantities, measurements", ["asperity.measurements"]),
    ("quantities", "from asperity.contact import hertz", ["asperity.contact"]),
    ("learning", "from asperity.contact import hertz\nimport jax", []),
    ("learning", "def f(p):\n    import pandas\n    return open(p)", ["pandas", "open()"]),
    ("evaluation", "from asperity.contact import hertz", ["asperity.contact"]),
    ("measurements", "import xarray, asperity.contact", []),
    ("report", "from asperity.measurements import replay", ["asperity.measurements"]),
    ("measurements.images", "from asperity.measurements.rheometry import page", ["asperity.measurements.rheometry"]),
    ("measurements.rheometry", "from asperity.measurements.force_curves import read", []),
])
def test_the_rule_sees_wrong_imports(part, code, wrong):
    assert wrong_imports(part.split(".")[0], ast.parse(code), f"asperity.{part}") == wrong


def test_every_file_is_opened_through_the_door(trees):
    """`asperity.data.opening` has the limits; who opens a file elsewhere stands in `OPENS_ITSELF` with the reason."""
    found = {}
    for path, tree in trees.items():
        name = path.relative_to(ROOT).as_posix()
        if part_of(path) in {"data", "measurements"} and name not in DOOR:
            found[name] = sorted(set(openings(tree)) - set(OPENS_ITSELF.get(name, ())))
    assert not {name: calls for name, calls in found.items() if calls}


@pytest.mark.parametrize(("code", "found"), [
    ("open(path)", ["open"]), ("p.read_bytes()", ["p.read_bytes"]), ("np.fromfile(p, 'u1')", ["np.fromfile"]),
    ("with h5py.File(p) as f:\n    pass", ["h5py.File"]), ("xr.open_dataset(p)", ["xr.open_dataset"]),
    ("readers.open_dataset(p)", []), ("opening.stream(p)", []), ("opening.mapped(p)", []), ("np.load(p)", ["np.load"]),
    ("json.loads(text)", []), ("zipfile.ZipFile(p)", ["zipfile.ZipFile"]), ("io.open(p)", ["io.open"])])
def test_the_rule_sees_other_ways_in(code, found):
    assert list(openings(ast.parse(code))) == found


def test_importing_asperity_loads_nothing_heavy_at_module_level(trees):
    heavy = {"jax", "equinox", "xarray", "numpy", "scipy", "bokeh", "pandas"}
    for name in ("__init__.py", "messages.py", "quantities.py", "cli.py", "units.py"):
        body = trees[ROOT / name].body
        top = ast.Module([n for n in body if isinstance(n, ast.Import | ast.ImportFrom)], [])
        assert not {i.split(".")[0] for i in imports(top)} & heavy, name


def test_constants_stand_one_a_line(trees):
    """Each with its unit and reason; `A, B = function()` and `A, B = range(...)` are one value each, and may stay."""
    found = {path.relative_to(ROOT).as_posix(): lines for path, tree in trees.items()
             if (lines := list(constants_in_one(tree)))}
    assert not found


@pytest.mark.parametrize(("code", "found"), [
    ("_A, _B = 1, 2.0", 1), ("A, B = (0.1, 0.9), 3", 1), ("A = B = 3", 1), ("[_A, _B] = [1, 'x']", 1),
    ("A, B = jit(f), jit(g)", 1), ("_A = (1, 2)", 0), ("A, B = contour()", 0), ("A, B, C = range(3)", 0),
    ("def f():\n    A, B = 1, 2", 0), ("a, b = 1, 2", 0), ("a = b = 1", 0)])
def test_the_rule_sees_constants_in_one_line(code, found):
    assert len(list(constants_in_one(ast.parse(code)))) == found


def test_files_are_short(trees):
    long = {str(p.relative_to(ROOT)): n for p in trees
            if (n := len(p.read_text(encoding="utf-8").splitlines())) > FILE_LINES}
    assert not long


def test_functions_are_short_and_take_few_parameters(trees):
    found = []
    for path, tree in trees.items():
        for function in functions(tree):
            name = f"{path.relative_to(ROOT)}:{function.name}"
            if length(function) > FUNCTION_LINES:
                found.append(f"{name} has {length(function)} lines")
            if parameters(function) > PARAMETERS and name not in MANY_PARAMETERS:
                found.append(f"{name} takes {parameters(function)} parameters")
    assert not found


def test_commands_only_call_verbs(trees):
    commands = [f for path in trees if path.name in ("cli.py", "command.py") for f in functions(trees[path])
                if any(ast.unparse(d) == "guarded" for d in f.decorator_list)]
    assert len(commands) >= 23
    sizes = {f.name: len([n for n in ast.walk(f) if isinstance(n, ast.stmt)]) for f in commands}
    assert not {name: size for name, size in sizes.items() if size > 10}  # docstring and def included


def test_public_names_are_documented(trees):
    missing = []
    for path, tree in trees.items():
        if not ast.get_docstring(tree):
            missing.append(str(path.relative_to(ROOT)))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    missing.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert not missing


def test_a_class_name_is_used_once(trees):
    """A traceback and ``from x import Name`` say which class is meant; private names are one file's own business."""
    places = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert not {name: files for name, files in places.items() if len(files) > 1 and name not in SHARED_NAMES}


def test_abstract_or_final(trees):
    """A class whose name does not start with Abstract is never subclassed (exceptions excepted)."""
    classes = {n.name: n for tree in trees.values() for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}

    def is_exception(name: str) -> bool:
        return name.endswith(("Error", "Exception")) or (
            name in classes and any(is_exception(ast.unparse(b)) for b in classes[name].bases))

    wrong = [f"{n.name}({ast.unparse(b)})" for n in classes.values() for b in n.bases
             if (base := ast.unparse(b).split("[")[0]) in classes
             and not base.lstrip("_").startswith("Abstract") and not is_exception(base)]
    assert not wrong
