"""Workers change no number and lose none, whoever is killed when: measured files, random kills, the whole command.

Run it with ``python -m pytest -m study tests/verify/test_workers.py``; the figures of `docs/scaling.md` are printed.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import asperity
from asperity.contact import Hertz
from asperity.data import jobs, store
from asperity.data.workers import Processes
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import analyze as analyzing
from asperity.measurements.force_curves import tasks
from asperity.measurements.rheometry import hold, modulation, power_law
from asperity.measurements.tip_force import law
from asperity.virtual.force_map import virtual_map
from tests import poison, simple_fit
from tests.conftest import shared_data
from tests.measurements.force_curves.test_tasks import chunks_of, same
from tests.measurements.rheometry import test_hold, test_modulation
from tests.verify.verdict import Figure, judge

MODEL = {"name": "pyramid4", "half_angle": 0.305}
#: a volume of 256, a map of 16 and 100 curves of another instrument: three sessions
FILES = ("force/bruker/20200903_Egel2.0_00023.spm", "force/jpk/map-data-2021.11.05-17.37.44.432.jpk-force-map",
         "force/adhesion/spectroscopy.nid")
#: chunks of the runs in which workers are killed
CHUNKS = 30


class Watched(Processes):
    """Workers whose answers are kept."""

    def __init__(self, count):
        super().__init__(count)
        self.answers = []

    def next(self):
        task, answer = super().next()
        self.answers.append((task, answer))
        return task, answer


@pytest.fixture(scope="module")
def measured():
    return [shared_data(name) for name in FILES]


@pytest.fixture(scope="module")
def serial(measured, tmp_path_factory):
    """Batch -> folder and results of one process, and its CPU time (s)."""
    found = {}
    for batch in (32, 512):
        out = tmp_path_factory.mktemp(f"serial{batch}")
        began = time.process_time()
        found[batch] = out, asperity.analyze(measured, MODEL, segment="approach", out=out, batch=batch), (
            time.process_time() - began)
    return found


@pytest.mark.parametrize(("count", "batch"), [(1, 32), (2, 32), (3, 32), (2, 512), (3, 512)])
def test_bit_for_bit_on_measured_files(measured, serial, tmp_path, monkeypatch, count, batch):
    hands = Watched(count)
    monkeypatch.setattr(analyzing, "Processes", lambda _: hands)
    out, wanted, seconds = serial[batch]
    began = time.monotonic()
    found = asperity.analyze(measured, MODEL, segment="approach", out=tmp_path, batch=batch, workers=2)
    answers = [answer for _, answer in hands.answers]
    print(f"\n{count} workers, batch {batch}: {len(answers)} answers of {len({a.pid for a in answers})} workers, "
          f"{sum(a.cpu for a in answers):.1f} CPU s for {seconds:.1f} in one process, {time.monotonic() - began:.0f} s")
    assert chunks_of(tmp_path) == chunks_of(out)
    assert same(found, wanted)
    assert store.load(tmp_path / "results.nc").drop_attrs(deep=False).identical(
        store.load(out / "results.nc").drop_attrs(deep=False))


def chosen(workers):
    return asperity.select(virtual_map(rows=3, columns=6, samples=256), radius=5e-6, batch=6, workers=workers)


def held(workers):
    return hold.holds(test_hold.recorded()[0], Hertz(radius=test_hold.RADIUS), workers=workers)


def relaxing(workers):
    return power_law.power_law(virtual_map(rows=3, columns=3, samples=256), Hertz(radius=5e-6), workers=workers)


def moduli(workers):
    return modulation.modulus_spectrum(test_modulation.cells(5), test_modulation.SPHERE, workers=workers)


def laws(workers):
    return law.force_law(virtual_map(rows=1, columns=3, samples=256), Hertz(radius=5e-6), draws=32, workers=workers)


@pytest.mark.parametrize("found", [chosen, held, relaxing, moduli, laws])
def test_other_verbs_bit_for_bit(found, monkeypatch):
    for module, name in ((hold, "_BATCH"), (power_law, "_CHUNK"), (modulation, "_BATCH")):
        monkeypatch.setattr(module, name, 2)  # several chunks
    assert same(found(2), found(1))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A map in many chunks."""
    path = tmp_path_factory.mktemp("many") / "map.nc"
    return store.save(virtual_map(rows=CHUNKS, columns=8, samples=128), path)


@pytest.fixture
def in_workers(monkeypatch):
    monkeypatch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
    simple_fit.plain_page(monkeypatch)
    monkeypatch.setattr(tasks, "do", poison.do)
    monkeypatch.setenv("POISON_SLOW", "0.3")


@pytest.mark.parametrize("seed", [1, 2])
def test_workers_killed_at_random(many, tmp_path, in_workers, monkeypatch, seed):
    """Three of them, at any time from their birth on."""
    killed = []

    def killer():
        draw = np.random.default_rng(seed)
        while len(killed) < 3:
            time.sleep(draw.uniform(0.3, 3.0))
            alive = multiprocessing.active_children()
            if alive:
                killed.append(alive[draw.integers(len(alive))].pid)
                os.kill(killed[-1], signal.SIGKILL)

    hands = Watched(2)
    monkeypatch.setattr(analyzing, "Processes", lambda _: hands)
    thread = threading.Thread(target=killer)
    thread.start()
    asperity.analyze(many, {"name": "hertz", "radius": 5e-6}, out=tmp_path / "o", batch=8, workers=2)
    thread.join(60)
    whole = {task.number for task, answer in hands.answers if answer is not None and task.kind == "chunk"}
    died = [task for task, answer in hands.answers if answer is None]
    print(f"\nseed {seed}: killed {len(killed)}, {len(died)} of them at work; {len(hands.answers)} answers")
    assert len(killed) == 3
    assert whole == set(range(CHUNKS))
    asperity.analyze(many, {"name": "hertz", "radius": 5e-6}, out=tmp_path / "serial", batch=8)
    assert chunks_of(tmp_path / "o") == chunks_of(tmp_path / "serial")


@pytest.mark.parametrize("curve", [4, 200])
def test_poison_on_a_measured_map(measured, tmp_path, monkeypatch, curve):
    """One curve of 256 ends the process, in the fit and (4) where noise is learnt: three deaths, the others as ever."""
    monkeypatch.setenv("POISON", f"{asperity.read(measured[0])['session'].values[0]}:{curve}")
    monkeypatch.setattr(tasks, "do", poison.real)
    hands = Watched(2)
    monkeypatch.setattr(analyzing, "Processes", lambda _: hands)
    found = asperity.analyze(measured[0], MODEL, segment="approach", out=tmp_path / "o", batch=32, workers=2)
    deaths = sum(answer is None for _, answer in hands.answers)
    print(f"\ncurve {curve}: {deaths} deaths, {len(hands.answers)} answers")
    assert deaths <= 3
    assert np.flatnonzero(found["flag"].values == Outcome.unreadable).tolist() == [curve]

    def broken(source, usual=analyzing.by_session):
        for part in usual(source):
            part.broken = frozenset({curve})
            yield part

    monkeypatch.setattr(analyzing, "by_session", broken)
    asperity.analyze(measured[0], MODEL, segment="approach", out=tmp_path / "serial", batch=32)
    assert chunks_of(tmp_path / "o") == chunks_of(tmp_path / "serial")


@pytest.mark.filterwarnings("ignore")  # of dask's own
def test_dask_on_measured_files(measured, serial, tmp_path):
    """A scheduler on this machine, started here: the chunks of one process, bit for bit."""
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (asperity[dask])")
    out, wanted, _ = serial[32]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                                  dashboard_address=None) as here:
        found = asperity.analyze(measured, MODEL, segment="approach", out=tmp_path, batch=32,
                                 scheduler=here.scheduler_address)
    assert chunks_of(tmp_path) == chunks_of(out)
    assert same(found, wanted)


#: the real command with the stand-in fit, here and in its workers; it hears Ctrl-C wherever these tests run
COMMAND = """
import signal
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from tests import poison, simple_fit
    simple_fit.install()
    from asperity.measurements.force_curves import tasks
    tasks.do = poison.do
    import asperity.measurements.force_curves.page.html as page
    page.render = lambda results, title=None, contents=None: str(results["modulus"].values)
    from asperity.cli import main
    main()
"""


def children(pid):
    """The processes that a process has started, and theirs."""
    own = [int(word) for task in Path(f"/proc/{pid}/task").glob("*/children") for word in task.read_text().split()]
    return [*own, *(other for child in own for other in children(child))]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_command_is_stopped_and_goes_on(many, tmp_path, how):
    """Nobody is left after 10 s, no finished chunk is made again, and the results are those of one process."""
    script, out = tmp_path / "command.py", tmp_path / "o"
    script.write_text(COMMAND)
    words = [sys.executable, script, "analyze", many, "--radius", "5um", "--batch", "8", "--workers", "2", "--out"]
    root = Path(__file__).parents[2]
    environment = os.environ | {"POISON_SLOW": "0.3", "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    process = subprocess.Popen([*words, out], cwd=root, env=environment, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    until = time.monotonic() + 120
    while len(jobs.finished_chunks(out / "chunks")) < 5:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    others = children(process.pid)
    assert len(others) >= 2
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: workers get it, too
    else:
        process.send_signal(how)
    _, err = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "Finished chunks are kept: run the same command again to go on." in err
        assert "Traceback" not in err
    stopped = time.monotonic()
    while any(map(alive, others)) and time.monotonic() < stopped + 10:
        time.sleep(0.1)
    gone = time.monotonic() - stopped
    assert not any(map(alive, others))
    kept = {i: jobs.chunk_file(out / "chunks", i).stat().st_mtime_ns for i in jobs.finished_chunks(out / "chunks")}
    assert 5 <= len(kept) < CHUNKS
    again = subprocess.run([*words, out], cwd=root, env=environment | {"POISON_SLOW": "0"}, capture_output=True,
                           text=True, timeout=200)
    assert again.returncode in (0, 1), again.stderr
    after = {i: jobs.chunk_file(out / "chunks", i).stat().st_mtime_ns for i in range(CHUNKS)}
    assert {i: after[i] for i in kept} == kept
    assert not list(out.rglob(".*"))
    print(f"\n{how.name}: {len(kept)} chunks kept, {CHUNKS - len(kept)} made by the second call, nobody left after "
          f"{gone:.1f} s")


def test_a_task_costs_what_its_chunk_costs(tmp_path):
    """In turn in one process, so that the load of the machine is on both: a chunk as a task, and as without."""
    path, model = store.save(virtual_map(rows=64, columns=64, samples=512), tmp_path / "map.nc"), MODEL
    count = analyzing.prepare(path, model, out=tmp_path / "o", batch=256)
    analysis, *_ = analyzing._prepared([path], model, None, None, {}, {}, 256, check=False)
    chunks = jobs.Chunks(tmp_path / "serial", "mark", [256] * count)
    chunks.folder.mkdir()
    times = np.zeros((count, 3))
    for number in range(count):
        times[number, 0] = time.process_time()
        tasks.do(str(tmp_path / "o"), "chunk", number, "whole")
        times[number, 1] = time.process_time()
        chunks.save(number, analyzing._fitted(analysis, number))
        times[number, 2] = time.process_time()
    task, chunk = np.median(np.diff(times, axis=1)[1:], axis=0)
    judge("A task beside its chunk", [Figure("CPU time of a task over that of its chunk", task / chunk, 0.5, 1.1),
                                      Figure("CPU s of a chunk of 256 x 512", chunk, 0.0)])


def test_cost_of_workers(tmp_path, monkeypatch):
    """CPU time of warm workers beside that of one process, and wall time where the machine is idle."""
    path = store.save(virtual_map(rows=64, columns=64, samples=512), tmp_path / "map.nc")
    model, marks = {"name": "hertz", "radius": 5e-6}, []
    asperity.analyze(path, model, batch=256,
                     progress=lambda *_: marks.append((time.process_time(), time.monotonic())))
    print(f"\none process: {len(marks) - 1} chunks, the first {marks[1][0] - marks[0][0]:.2f} CPU s")
    hands = Watched(2)
    monkeypatch.setattr(analyzing, "Processes", lambda _: hands)
    busy, wall, shared = os.getloadavg()[0], time.monotonic(), []
    asperity.analyze(path, model, batch=256, workers=2, progress=lambda *_: shared.append(time.monotonic() - wall))
    seen, warm = set(), []
    for task, answer in hands.answers:
        if answer.pid in seen and task.kind == "chunk":
            warm.append(answer.cpu)
        seen.add(answer.pid)
    first = sum(answer.cpu for _, answer in hands.answers) - sum(warm)
    cpu, clock = np.diff(marks, axis=0)[1:].T
    one, two = float(np.median(cpu)), float(np.median(warm))
    print(f"two workers: {first / 2:.1f} CPU s each for the first chunk, then {two:.3f} (median) a chunk of 256 for "
          f"{one:.3f} in one process: {two / one:.2f} times")
    span = (shared[-1] - shared[2]) / (len(shared) - 3), float(clock.mean())
    print(f"wall: {span[0]:.3f} s a chunk for {span[1]:.3f}: {span[0] / span[1]:.2f} times, load {busy:.1f} before")
    if busy > 0.3:
        pytest.skip(f"the machine is not idle (load {busy:.1f}): what workers take from each other is not judged")
    assert two <= 1.1 * one
    assert span[0] <= 0.65 * span[1]
