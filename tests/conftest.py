"""Shared fixtures: the measured data where they are present, and 64-bit arithmetic.

What guards correctness stands beside its chapter and runs with `pytest` alone. Studies run with `make verify`: those
under `tests/verify`, and beside their chapter the tests marked `study`, which judge by draws, by measured files or by
what another program says.
"""

import functools
import gc
import itertools
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import hypothesis
import pytest
import typer.testing

# what the machine does beside the tests is no fault of an example
hypothesis.settings.register_profile("asperity", deadline=None)
hypothesis.settings.load_profile("asperity")
_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_STUDIES = Path(__file__).parent / "verify"
#: the commands are built once in a worker and not anew, in a tenth of a second, for each line that a test types
typer.testing._get_command = functools.cache(typer.testing._get_command)
#: what `make test` tells the compiler: most of the time of the tests goes into compiling what runs once
FEW_OPTIMIZATIONS = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
if version("jax").startswith("0.10."):  # later ones know no such flag, and end the process on it
    FEW_OPTIMIZATIONS["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"


def pytest_configure(config):
    """Share what is compiled between the workers and the processes of one run, in a folder that ends with it.

    A folder per run: nothing compiled by other versions of jax, or of this program, is ever used. Whoever
    sets JAX_COMPILATION_CACHE_DIR keeps it from run to run.
    """
    if os.environ.get("JAX_DISABLE_MOST_OPTIMIZATIONS") == "1":
        os.environ.update({name: os.environ.get(name, value) for name, value in FEW_OPTIMIZATIONS.items()})
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="asperity-compiled-")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder  # before jax is imported, here and in every child
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_collection_finish(session):
    """Spare each test what is the same for all: the search for garbage in what was imported, and MLIR's contexts.

    A tenth of the time went into walking through the modules again and again; nothing of them is ever garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    if os.environ.get("JAX_DISABLE_MOST_OPTIMIZATIONS") == "1":
        share_contexts()


def share_contexts(each: int = 200):
    """Let many programs be written in one MLIR context: to make one takes as long as to compile a small program.

    A context keeps every constant of its programs, so that another takes its place after ``each`` of them; what is
    compiled while a program is being written has one of its own.
    """
    from jax._src.interpreters import mlir

    number, make = itertools.count(), mlir.make_ir_context
    shared = functools.lru_cache(maxsize=1)(lambda _: make())
    mlir.make_ir_context = lambda: make() if mlir.ir.Context.current else shared(next(number) // each)


def pytest_ignore_collect(collection_path, config):
    """Leave the studies out unless an argument names them."""
    named = any(Path(config.invocation_params.dir, one.split("::")[0]).resolve().is_relative_to(_STUDIES)
                for one in config.args)
    return True if collection_path == _STUDIES and not named else None


def pytest_collection_modifyitems(config, items):
    """Leave what is marked as a study out, unless ``-m`` or the name of a test asks for it."""
    for item in items:
        if item.path.is_relative_to(_STUDIES):
            item.add_marker("study")
    if config.option.markexpr or any("::" in one for one in config.args):
        return
    out = [item for item in items if "study" in item.keywords and not item.path.is_relative_to(_STUDIES)]
    config.hook.pytest_deselected(items=out)
    chosen = set(out)
    items[:] = [item for item in items if item not in chosen]


def shared_data(name: str) -> Path:
    """A file of the measured data set, or a skip that says what is missing."""
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"measured data '{name}' is not beside this checkout (../shared/data)")
    return path


def shared_case(name: str) -> Path:
    """A small file made after a public report of a fault, or a skip that says what is missing."""
    path = _SHARED.parent / "cases" / name
    if not path.exists():
        pytest.skip(f"the case '{name}' is not beside this checkout (../shared/cases)")
    return path


@pytest.fixture
def x64():
    """Run the test in 64-bit arithmetic."""
    import jax

    with jax.enable_x64(True):
        yield
