"""A disk that fails, or a process that dies, at the k-th thing that is done to a file; for tests.

Every opening for writing, write, flush, rename, link, removal and folder made or removed below one folder is an
event. `Faults` lets the k-th fail as a full or broken disk does (half of a write still arrives) or ends the
process there. `python -m tests.disk_faults` tries a workload with many k in processes of its own, forked after
the imports, and says for each what was lost, mixed or left over.
"""

import argparse
import builtins
import contextlib
import errno
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ERRORS = {"full": errno.ENOSPC, "broken": errno.EIO}
#: how a fault shows: two errors of the disk, and the end of the process
MODES = (*ERRORS, "killed")
KILLED = 137
#: an error that was told, but not as the fault of the disk that it is
UNKNOWN = 4

_CALLS = ("fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir")


class Faults:
    """Within the block, event ``at`` (1, 2, ...) below ``folder`` goes wrong; ``events`` names all that happened.

    A full disk stays full: once there was no space, nothing more can be written, but all can be removed.
    """

    def __init__(self, folder, at=0, mode="full"):
        self.folder, self.at, self.mode, self.events = os.path.realpath(folder), at, mode, []
        self.true = {name: getattr(os, name) for name in _CALLS} | {"open": io.open}

    def __enter__(self):
        for name in _CALLS:
            setattr(os, name, self._counting(name))
        builtins.open = io.open = self._open
        return self

    def __exit__(self, *_):
        for name in _CALLS:
            setattr(os, name, self.true[name])
        builtins.open = io.open = self.true["open"]

    @property
    def fired(self):
        return 0 < self.at <= len(self.events)

    def event(self, name, before=lambda: None):
        self.events.append(name)
        now = len(self.events)
        grows = name.split()[0] in ("open", "write", "mkdir", "link")
        if now == self.at or (now > self.at > 0 and self.mode == "full" and grows):
            before()
            if self.mode == "killed":
                os._exit(KILLED)
            raise OSError(ERRORS[self.mode], os.strerror(ERRORS[self.mode]))

    def _inside(self, path):
        if isinstance(path, int):
            return os.path.realpath(f"/proc/self/fd/{path}").startswith(self.folder)
        return os.path.realpath(os.fspath(path)).startswith(self.folder)

    def _counting(self, name):
        def call(path, *args, **kwargs):
            if kwargs.get("dir_fd") is not None or self._inside(path):  # dir_fd: only shutil.rmtree
                self.event(f"{name} {os.path.basename(str(path))}")
            return self.true[name](path, *args, **kwargs)
        return call

    def _open(self, file, mode="r", *args, **kwargs):
        writes = set(mode) & set("wax+")
        if not writes or isinstance(file, int) or not self._inside(file):
            return self.true["open"](file, mode, *args, **kwargs)
        self.event(f"open {os.path.basename(os.fspath(file))}")
        return _Stream(self.true["open"](file, mode, *args, **kwargs), self)


class _Stream:
    """A stream whose every write is an event; a failing one leaves half of it in the file."""

    def __init__(self, stream, faults):
        self.stream, self.faults = stream, faults

    def write(self, data):
        def half():
            self.stream.write(data[: len(data) // 2])
            self.stream.flush()
        self.faults.event("write", half)
        return self.stream.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def __getattr__(self, name):
        return getattr(self.stream, name)


class Loop:
    """A small job with all that a job may write: two results in NetCDF and zarr, a table, a page."""

    sizes = (3, 3, 1)

    def __init__(self, folder):
        from tests import tiny_job

        self.job, self.folder = tiny_job, Path(folder)

    def before(self):
        """What stands there from earlier."""

    def run(self):
        """Do all of it; returns how many chunks were made."""
        return self.job.whole(self.folder, self.sizes, factor=1.0)

    def seen(self):
        """All that must be equal in the end, file by file."""
        return {str(path.relative_to(self.folder)): self.content(path) for path in sorted(self.folder.rglob("*"))}

    @staticmethod
    def content(path):
        if path.is_dir() or path.suffix == ".npz" or "results.zarr" in path.parts:
            return None  # the time of writing stands in an archive; its numbers are compared in results.nc
        return path.read_bytes().hex()

    def mixed(self):
        """Whether results of one job stand beside another job: asked after the fault."""
        return self.job.mixed(self.folder)

    def identity(self):
        """What changes if a chunk is made again: its place on the disk and the time of writing."""
        from asperity.data import jobs

        found = {}
        for number in jobs.finished_chunks(self.folder / "chunks"):
            status = jobs.chunk_file(self.folder / "chunks", number).stat()
            found[number] = status.st_ino, status.st_mtime_ns
        return found


class Zarr(Loop):
    """`Loop` whose result is also written as zarr, block by block."""

    def run(self):
        return self.job.whole(self.folder, self.sizes, factor=1.0, zarr=True)


class Restarted(Loop):
    """`Loop` with ``restart`` in a folder that holds another, finished job."""

    def before(self):
        self.job.whole(self.folder, (2, 2, 2, 2), factor=2.0, zarr=True)

    def run(self):
        return self.job.whole(self.folder, self.sizes, factor=1.0, restart=True)

    def identity(self):
        return {}  # a restart makes all of them again


class Analysis(Loop):
    """`analyze` of a small map with the stand-in fit of `tests.simple_fit`; its page is a plain text."""

    chunks, batch = 4, 3

    def __init__(self, folder):
        from asperity.measurements.force_curves.page import html
        from tests import simple_fit

        simple_fit.install()
        html.render = lambda results, *_: str(results["modulus"].values)
        self.fit, self.folder = simple_fit, Path(folder)
        self.map = self.folder.parent / "map.nc"
        if not self.map.exists():
            from asperity.data import store
            from asperity.virtual.force_map import virtual_map

            store.save(virtual_map(rows=2, columns=6, samples=64), self.map)

    def run(self):
        from asperity.measurements.force_curves.analyze import analyze

        before = len(self.fit.CALLS)
        analyze(self.map, {"name": "hertz", "radius": 5e-6}, out=self.folder, batch=self.batch)
        return len(self.fit.CALLS) - before

    def mixed(self):
        return False

    def seen(self):
        from asperity.data import store

        found = super().seen()
        results = store.load(self.folder / "results.nc").drop_attrs(deep=False)  # the time is in its history
        found["results.nc"] = {str(name): variable.values.tobytes().hex() if variable.dtype.kind != "U"
                               else variable.values.tolist() for name, variable in results.variables.items()}
        return found


class LargeAnalysis(Analysis):
    """`Analysis` whose result is called large: it is written as zarr, block by block."""

    def run(self):
        importlib.import_module("asperity.measurements.force_curves.analyze").LARGE = 0
        return super().run()

    def seen(self):
        from asperity.data import store

        found = Loop.seen(self)
        results = store.load(self.folder / "results.zarr")
        found["numbers"] = {str(name): variable.values.tobytes().hex() if variable.dtype.kind != "U"
                            else variable.values.tolist() for name, variable in results.variables.items()}
        return found


WORKLOADS = {"loop": Loop, "restarted": Restarted, "zarr": Zarr, "analysis": Analysis, "large": LargeAnalysis}


def in_a_fork(task):
    """Run ``task`` in a child; returns (exit status, what it returned, as JSON)."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        code = 0
        try:
            with os.fdopen(write, "w") as stream:
                stream.write(json.dumps(task()))
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            code = 3
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as stream:
        said = stream.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, json.loads(said) if code == 0 else None


def disturbed(work, at, mode):
    """One run with a fault, and for an error of the disk one more in the same process: it must go on too."""
    with Faults(work.folder, at, mode) as faults:
        line, made = "", 0
        try:
            made = work.run()
        except (OSError, ValueError) as error:  # what the command line turns into one line and exit code 2
            line = str(error)
    known = not line or (os.strerror(ERRORS[mode]) in line and "\n" not in line)
    return {"events": faults.events, "fired": faults.fired, "line": line, "known": known, "made": made}


def tried(work_class, folder, at, mode, wanted):
    """One fault and all that must be true afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    work = work_class(folder)
    in_a_fork(work.before)

    def together():
        first = disturbed(work, at, mode)
        return first | {"kept": work.identity(), "mixed": work.mixed(), "again": work.run()}

    code, said = in_a_fork(together)
    if mode == "killed":
        return None if code == 0 else after_the_kill(work, code, wanted) | {"at": at, "mode": mode}
    if code == 0 and not said["fired"]:
        return None
    code = code or (0 if said["known"] else UNKNOWN)
    kept = {int(number): tuple(where) for number, where in said["kept"].items()} if said else {}
    found = judged(work, code, kept, bool(said and said["mixed"]), wanted)
    return found | {"at": at, "mode": mode, "line": said["line"] if said else "", "again": said and said["again"]}


def after_the_kill(work, code, wanted):
    """What stands there after a killed run, and after the same run once more."""
    kept, mixed = work.identity(), work.mixed()
    rerun, again = in_a_fork(work.run)
    return judged(work, rerun if code == KILLED else code, kept, mixed, wanted) | {"line": "", "again": again}


def judged(work, code, kept, mixed, wanted):
    """What was lost, mixed and left over, once the work was run again; ``kept`` was finished before."""
    after, seen = work.identity(), work.seen() if code == 0 else {}
    lost = sum(after.get(number) != where for number, where in kept.items())
    different = sorted(name for name in wanted if seen.get(name) != wanted[name])
    return {"code": code, "kept": len(kept), "lost": lost, "mixed": int(mixed) + len(different),
            "left": sorted(set(seen) - set(wanted)), "different": different}


def at_random_times(work_class, folder, count, wanted):
    """Kill as many runs, each at its own time between its beginning and its end; yields what was found."""
    random = np.random.default_rng(0)
    begun = time.monotonic()
    in_a_fork(work_class(folder).run)
    lasts = time.monotonic() - begun
    for at in range(count):
        shutil.rmtree(folder, ignore_errors=True)
        work = work_class(folder)
        if (child := os.fork()) == 0:
            work.run()
            os._exit(0)
        time.sleep(random.uniform(0, lasts))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        yield after_the_kill(work, KILLED, wanted) | {"at": at, "mode": "random time"}


def undisturbed(work_class, folder):
    """The events of a run in which nothing goes wrong, how many chunks it makes, and what stands there then."""
    shutil.rmtree(folder, ignore_errors=True)
    work = work_class(folder)
    in_a_fork(work.before)

    def once():
        with Faults(folder) as faults:
            made = work.run()
        return {"events": faults.events, "made": made, "modules": sorted(sys.modules)}

    code, said = in_a_fork(once)
    assert code == 0, "the workload fails by itself"
    for name in said["modules"]:  # so that the forks to come need not
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    return said["events"], said["made"], work.seen()


def faults(*arguments):
    """What this module says when it is run with these arguments, line by line."""
    ran = subprocess.run([sys.executable, "-m", "tests.disk_faults", *map(str, arguments)], capture_output=True,
                         text=True, cwd=Path(__file__).parents[1], check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def main():
    """One JSON line for each fault; the first says how many events there are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--modes", nargs="*", default=MODES)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    work_class, place = WORKLOADS[given.workload], given.folder / "out"
    events, made, wanted = undisturbed(work_class, place)
    print(json.dumps({"events": events, "made": made}))
    for number, mode in enumerate(given.modes):
        for at in range(1 + number % given.every, len(events) + 1, given.every):
            if (found := tried(work_class, place, at, mode, wanted)) is not None:
                print(json.dumps(found | {"event": events[at - 1]}), flush=True)
    for found in at_random_times(work_class, place, given.random, wanted):
        print(json.dumps(found | {"event": ""}), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        np.seterr(all="ignore")
        main()
