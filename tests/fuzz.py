"""Mutations of files: nothing that reads one may crash, hang, swallow memory or hand over nonsense.

``python -m tests.fuzz --door nc --count 10000 [--seed 0]`` runs mutations 0 ... count - 1 of one kind of file
(see `tests.doors`) in worker processes and prints the outcomes and every defect; ``--case N`` repeats one and
keeps its file.

A mutation is drawn from (seed, number) alone: a source file and one to three damages of it. Opening it must end
within twenty seconds of CPU time and two gigabytes, either with one of the errors that are meant for people or
with data; of force curves the first, a middle and the last curve must pass `self_check`, and where a checksum
is kept the numbers must be those of the source. A process that dies is a defect of the case it was at.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import logging
import operator
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

SECONDS = 20.0  # of CPU time, for one case
GRACE = 10.0  # s of CPU time more, after which the system ends a worker whose loop in C hears no signal
MEMORY = 2 * 2**30  # bytes, beyond what a worker has before its first case
STALLED = 300  # s of wall clock after which a worker that says nothing is ended: it waits, for it has no CPU time left
LARGEST_SOURCE = 5_000_000
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data" / "force"
HUGE = (b"999999999999", b"-1", b"0", b"1e308", b"nan", b"2147483647", b"4294967296", b"18446744073709551615",
        b"1e-300", b"", b"x", b"00000000", b"65536", b"-inf")


class Hang(BaseException):
    """The time of one case is over; not an Exception, so that no reader catches it."""


# ---------------------------------------------------------------- sources

def sources(folder: Path) -> list[Path]:
    """The supplied files below 5 MB that hold curves, and a tiny one of each format in ``folder``."""
    from tests.contracts.test_readers import SUPPLIED
    from tests.contracts.tiny import tiny_files

    supplied = [SHARED / file for files in SUPPLIED.values() for file in files]
    found = [path for path in supplied if path.exists() and path.stat().st_size < LARGEST_SOURCE]
    return [*found, *tiny_files(folder).values()]


# ---------------------------------------------------------------- damages: (rng, content, others) -> content

def truncate(rng, content, others):
    return content[: int(rng.integers(0, max(len(content), 1)))]


def flip_bits(rng, content, others):
    damaged = bytearray(content)
    for at in rng.integers(0, max(len(content), 1), int(rng.integers(1, 65))):
        if damaged:
            damaged[at] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def flip_bits_near_the_start(rng, content, others):
    head = int(rng.choice([64, 512, 4096, 40960]))
    return flip_bits(rng, content[:head], others) + content[head:]


def zero_block(rng, content, others):
    start, length = _span(rng, content)
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def delete_block(rng, content, others):
    start, length = _span(rng, content)
    return content[:start] + content[start + length :]


def repeat_block(rng, content, others):
    start, length = _span(rng, content)
    return content[: start + length] + content[start:]


def swap_header(rng, content, others):
    other = others[int(rng.integers(len(others)))].read_bytes()
    size = int(rng.choice([4, 64, 1024, 4096, 20480]))
    return other[:size] + content[size:]


def declare(rng, content, others):
    """Numbers of the text header replaced by huge, negative or no numbers."""
    head = min(len(content), int(rng.choice([1024, 8192, 65536])))
    numbers = list(re.finditer(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", content[:head]))
    if not numbers:
        return content
    for i in sorted(rng.integers(0, len(numbers), int(rng.integers(1, 5))), reverse=True):
        start, stop = numbers[i].span()
        content = content[:start] + HUGE[int(rng.integers(len(HUGE)))] + content[stop:]
    return content


def damage_directory(rng, content, others):
    """Fields of a zip's central directory or end record overwritten, with random or huge values."""
    marks = [match.start() for match in re.finditer(rb"PK\x01\x02|PK\x05\x06", content)]
    if not marks:
        return flip_bits(rng, content, others)
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at = marks[int(rng.integers(len(marks)))] + int(rng.integers(4, 46))
        huge = struct.pack("<I", int(rng.choice([0, 0xFFFFFFFF, 0x7FFFFFFF])))
        damaged[at : at + 4] = rng.bytes(4) if rng.integers(2) else huge
    return bytes(damaged)


def damage_member(rng, content, others):
    """One member of a zip damaged and packed again, so that its checksum is right."""
    try:
        members = _unpacked(content)
    except Exception:
        return damage_directory(rng, content, others)
    if not members:
        return content
    texts = [name for name in members if name.endswith((".properties", ".csv", ".txt"))]
    shared = [name for name in texts if name.count("/") < 2]
    names = (shared or texts, texts, texts, [])[int(rng.integers(4))] or list(members)
    for _ in range(int(rng.integers(1, 4))):
        name = names[int(rng.integers(len(names)))]
        inner = (declare, declare, declare, flip_bits, truncate, zero_block)[int(rng.integers(6))]
        members[name] = inner(rng, members[name], others)
    return _packed(members)


def lose_member(rng, content, others):
    """One to three members of a zip left out."""
    try:
        members = _unpacked(content)
    except Exception:
        return damage_directory(rng, content, others)
    for _ in range(int(rng.integers(1, 4))):
        if members:
            del members[list(members)[int(rng.integers(len(members)))]]
    return _packed(members)


def damage_checked_header(rng, content, others):
    """Fields of a binary header overwritten; the checksum of an Igor header is mended."""
    head = bytearray(content[:384])
    for _ in range(int(rng.integers(1, 4))):
        at = 4 * int(rng.integers(1, 95))
        head[at : at + 4] = struct.pack("<i", int(rng.choice([-1, 0, 1, 2, 5, 2**31 - 1, 10**6, 1024])))
    if content[:2] == b"\x05\x00" and len(head) == 384:
        total = sum(struct.unpack("<192h", head)) - struct.unpack_from("<h", head, 2)[0]
        head[2:4] = struct.pack("<H", -total & 0xFFFF)
    return bytes(head) + content[384:]


DAMAGES = (truncate, flip_bits, flip_bits_near_the_start, zero_block, delete_block, repeat_block, swap_header,
           declare, declare, damage_checked_header)
ZIP_DAMAGES = (damage_directory, damage_member, damage_member, damage_member, lose_member, *DAMAGES[:-2])


def _span(rng, content):
    length = int(min(2 ** rng.uniform(0, 17), max(len(content) // 2, 1)))
    return int(rng.integers(0, max(len(content) - length, 1))), length


def _unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def _packed(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def mutate(seed, number, files, damages=()):
    """(source, names of the damages, content) of mutation ``number``; without ``damages``, those of its source."""
    rng = np.random.default_rng([seed, number])
    source = files[int(rng.integers(len(files)))]
    content, names = source.read_bytes(), []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.8, 0.15, 0.05]))):
        fitting = damages or (ZIP_DAMAGES if content[:2] == b"PK" else DAMAGES)
        damage = fitting[int(rng.integers(len(fitting)))]
        content = damage(rng, content, files)
        names.append(damage.__name__)
    return source, names, content


# ---------------------------------------------------------------- one case

def self_check(dataset, curve):
    """Raise AssertionError unless a loaded curve is what its counts say, finite, and in order of time."""
    counts = dataset.sample_count.values[curve]
    for name in dataset.data_vars:
        block = dataset[name].isel(curve=curve).values
        factors = {"force": ("spring_constant", "sensitivity"), "deflection": ("sensitivity",)}.get(name, ())
        unknown = any(np.isnan(dataset[f].values[curve]) for f in factors)
        for row, count in zip(block, counts):
            assert np.isnan(row[count:]).all(), f"{name}: more samples than the {count} announced"
            real = row[:count]
            assert np.isfinite(real).all() or (unknown and np.isnan(real).all()), f"{name}: not finite"
        if name == "time":
            times = np.concatenate([row[:count] for row, count in zip(block, counts)])
            assert (np.diff(times) >= 0).all(), "the time falls"


def exercise(path):
    """Open a file and load its first, middle and last curve: "refused", "refused on loading" or "read"."""
    from asperity.data.readers._errors import ReadError
    from asperity.data.readers.force_curves import open_dataset

    outcome = "refused"
    try:
        dataset = open_dataset(path)
        outcome = "refused on loading"
        last = dataset.sizes["curve"] - 1
        for curve in sorted({0, last // 2, last}):
            self_check(dataset, curve)
    except ReadError as error:
        check_message(path, error)
        return outcome
    return "read"


def check_message(path, error):
    """Raise AssertionError unless a `ReadError` names file, cause and remedy, and is not about memory."""
    assert str(path) in str(error), "the message does not name the file"
    assert error.problem, "the message lacks the cause"
    assert error.remedy, "the message lacks the remedy"
    assert "than memory can hold" not in str(error), "more than two gigabytes were asked for"


def examine(number, path, limit=None, trial=None):
    """The outcome of one case as a record; a defect has a traceback."""
    from tests.doors import meant_for_people

    started, before = time.process_time(), peak_memory()
    try:
        signal.setitimer(signal.ITIMER_PROF, limit or SECONDS)
        result = {"outcome": (trial or exercise)(path)}
    except Hang:
        result = {"outcome": "DEFECT: hang", "traceback": traceback.format_exc()}
    except MemoryError:
        result = {"outcome": "DEFECT: memory", "traceback": traceback.format_exc()}
    except Exception as error:
        try:
            expected = meant_for_people(error)
        except AssertionError as complaint:
            error, expected = complaint, False
        kind = "silent" if isinstance(error, AssertionError) else type(error).__name__
        result = {"outcome": "refused"} if expected else {
            "outcome": f"DEFECT: {kind}", "traceback": traceback.format_exc()}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = max(peak_memory() - before, 0)
    return {"case": number, **result, "seconds": time.process_time() - started, "grown": grown,
            "peak": peak_memory()}


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# ---------------------------------------------------------------- worker and parent

def lay_down(door, folder, seed, number, files):
    """Make case ``number`` in an empty folder; returns (path, source, names of the damages, trial)."""
    source, names, content = mutate(seed, number, files, door.damages)
    folder.mkdir()
    path = door.place(folder, content, source.suffix)
    told = bool(names) and set(names) <= door.checked
    return path, source, names, lambda path: door.trial(path, told, source)


def work(cases, seed):
    """Run cases in this process under limits of memory and CPU time; one line of JSON per case on stdout."""
    def stop(*_):
        raise Hang

    signal.signal(signal.SIGPROF, stop)
    warnings.simplefilter("ignore")
    import h5py

    from asperity.data.readers import force_curves as readers
    from tests.doors import doors

    del h5py
    readers._modules()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as place:
        for name, together in itertools.groupby(cases, operator.itemgetter(0)):
            work_at_one_door(name, doors()[name], seed, [number for _, number in together],
                             make_empty(Path(place) / name))


def work_at_one_door(name, door, seed, numbers, folder):
    """The cases of one door: its own files first, as they are, and the limits from there."""
    most_memory, most_time = (resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU))
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CPU, (most_time, most_time))
    files = door.sources(folder)
    for file in files:  # what is imported at the first use is no growth of a case
        intact = door.place(make_empty(folder / "intact"), file.read_bytes(), file.suffix)
        examine(-1, intact, trial=lambda path, file=file: door.trial(path, bool(door.checked), file))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, most_memory))
    for number in numbers:
        path, source, names, trial = lay_down(door, folder / f"case_{number}", seed, number, files)
        spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent + SECONDS + GRACE) + 1, most_time))
        print(json.dumps({"begun": [name, number]}), flush=True)
        record = examine(number, path, trial=trial) | {"door": name, "source": source.name, "damages": names}
        shutil.rmtree(folder / f"case_{number}")
        print(json.dumps(record), flush=True)


def make_empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def run(seed, count, first=0, door="curves"):
    """The records of all cases; a worker that dies or stalls is a defect of its case and is replaced."""
    return run_all(seed, [(door, number) for number in range(first, first + count)])


def run_all(seed, cases):
    """The records of cases (door, number), for all of which one worker starts as long as it lives."""
    records = []
    while len(records) < len(cases):
        command = [sys.executable, "-m", "tests.fuzz", "--work", "--seed", str(seed)]
        with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as told, subprocess.Popen(
                command, stdin=_filled(told, cases[len(records):]), stdout=subprocess.PIPE, stderr=errors, text=True,
                cwd=ROOT) as worker:
            begun, before = None, signal.signal(signal.SIGALRM, lambda *_, worker=worker: worker.kill())
            signal.alarm(STALLED)
            for line in worker.stdout:
                signal.alarm(STALLED)
                message = json.loads(line)
                if "begun" in message:
                    begun = message["begun"]
                else:
                    records.append(message)
                    begun = None
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            worker.wait()
            errors.seek(0)
            complaint = errors.read()[-5000:]
        if begun is None and worker.returncode:
            raise RuntimeError(f"the worker failed before a case:\n{complaint}")
        if begun is not None:
            records.append({"case": begun[1], "door": begun[0],
                            "outcome": f"DEFECT: worker ended with {worker.returncode}",
                            "traceback": complaint, "source": "", "damages": [], "seconds": 0.0, "grown": 0,
                            "peak": 0})
    return records


def _filled(file, cases):
    """The file, to be read from its start: what the worker is to do."""
    json.dump(cases, file)
    file.seek(0)
    return file


def defects(records):
    return [record for record in records if record["outcome"].startswith("DEFECT")]


def summarize(records):
    """Counts of the outcomes, the slowest case, the largest growth of memory, and the first defects."""
    slowest = max(records, key=lambda record: record["seconds"])
    largest = max(records, key=lambda record: record["grown"])
    outcomes = Counter(record["outcome"] for record in records)
    lines = [f"{count:6d}  {outcome}" for outcome, count in outcomes.most_common()]
    lines.append(f"slowest: {slowest['seconds']:.2f} s (case {slowest['case']}, {slowest['source']})")
    lines.append(f"largest growth of memory: {largest['grown'] / 2**20:.0f} MB (case {largest['case']}, "
                 f"{largest['source']}); peak of a worker: {max(r['peak'] for r in records) / 2**20:.0f} MB")
    for record in defects(records)[:20]:
        lines.append(f"\ncase {record['case']} of {record['source']}, {record['damages']}: "
                     f"{record['outcome']}\n{record['traceback'][-3000:]}")
    return "\n".join(lines)


def repeat(name, seed, number):
    """Run one case here and keep its file."""
    from tests.doors import doors

    kept, door = Path(tempfile.mkdtemp()), doors()[name]
    path, source, names, trial = lay_down(door, kept / f"case_{number}", seed, number, door.sources(kept))
    signal.signal(signal.SIGPROF, lambda *_: (_ for _ in ()).throw(Hang()))
    print(f"{source.name}: {names} -> {path}")
    print(summarize([examine(number, path, trial=trial) | {"source": source.name, "damages": names}]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--door", default="curves", help="the kind of file, see tests.doors")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--work", action="store_true", help="run the cases on stdin, print JSON lines (for the parent)")
    options = parser.parse_args()
    if options.work:
        work(json.load(sys.stdin), options.seed)
    elif options.case is not None:
        repeat(options.door, options.seed, options.case)
    else:
        records = run(options.seed, options.count, options.first, options.door)
        print(f"{options.door}, seed {options.seed}\n{summarize(records)}")
        sys.exit(bool(defects(records)))


if __name__ == "__main__":
    main()
