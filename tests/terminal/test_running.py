"""Messages for people are one line, a defect shows its traceback, and a Ctrl-C is never lost."""

import gc
import io
import logging
import os
import subprocess
import sys

import pytest
import typer
from rich.console import Console

from asperity.cli import main
from asperity.messages import WAITED_FOR, AsperityError, DataError
from asperity.terminal import running
from asperity.terminal.running import guarded

#: an interruption that falls into a callback of the garbage collector, then work that goes on for long. It is
#: heard even if these tests run in the background, where Ctrl-C is ignored
DROPPED = """
import signal, sys, time, weakref
signal.signal(signal.SIGINT, signal.default_int_handler)
from asperity.terminal.running import insist_on_interrupts
if sys.argv[1] == "insist":
    insist_on_interrupts()
class Thing: pass
def forgotten(_):
    raise KeyboardInterrupt
thing = Thing()
watch = weakref.ref(thing, forgotten)
try:
    del thing
    end = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        sum(range(100))
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(("how", "seconds", "outcome"), [("insist", "3", "interrupted"), ("plain", "0.2", "went on")])
def test_an_interruption_that_python_drops_comes_again(how, seconds, outcome):
    done = subprocess.run([sys.executable, "-c", DROPPED, how, seconds], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == outcome


def test_other_dropped_errors_are_still_told():
    code = DROPPED.replace("raise KeyboardInterrupt", "raise ValueError('told')")
    done = subprocess.run([sys.executable, "-c", code, "insist", "0.2"], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "went on"
    assert "ValueError: told" in done.stderr


def test_the_first_chunk_says_that_it_compiles(monkeypatch):
    shown = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(running, "_err", shown)
    with running.progress() as tell:
        tell(0, 20)
        assert "compiling the model, once: some 10 s; curves" in shown.file.getvalue()
        tell(10, 20)
        tell(20, 20)
    assert "compiling" not in shown.file.getvalue().split("curves")[-1]


def test_the_bar_says_what_is_waited_for_and_the_first_verdict_stands_above_it(monkeypatch):
    shown = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(running, "_err", shown)
    log = logging.getLogger("asperity")
    level, handlers = log.level, [*log.handlers]
    with running.progress() as tell:
        tell(0, 20)
        log.log(WAITED_FOR, "learning the noise")
        assert "some 10 s; learning the noise" in shown.file.getvalue()
        tell(20, 20)
        log.info("notes.txt: no force curves")
        log.info("%d of 20 curves flagged", 3, extra={"contents": "what was found"})
        said = shown.file.getvalue()
        log.log(WAITED_FOR, "writing the table and the page")
        assert "writing the table and the page" in shown.file.getvalue()
    assert "3 of 20 curves flagged" in said
    assert not {"writing", "notes"} & set(said.replace(".", " ").split())
    assert tell.contents == "what was found"
    assert (log.level, log.handlers) == (level, handlers)


def test_the_command_line_looks_for_dead_cycles_rarely(monkeypatch):
    usual = gc.get_threshold()
    monkeypatch.setattr("sys.argv", ["asperity", "--version"])
    try:
        with pytest.raises(SystemExit):
            main()
        assert gc.isenabled()
        assert gc.get_threshold()[0] == 50_000
    finally:
        gc.set_threshold(*usual)


@pytest.mark.parametrize(("error", "says"), [
    (DataError("the curves hold no force; give a calibration"), "Error: the curves hold no force; give a calibration"),
    (AsperityError("no"), "Error: no"),
    (FileNotFoundError(2, "No such file or directory", "gone.nc"), "gone.nc"),
])
def test_a_message_for_people_is_one_line(error, says, capsys):
    @guarded
    def command():
        raise error

    with pytest.raises(typer.Exit) as stop:
        command()
    said = capsys.readouterr().err
    assert stop.value.exit_code == 2
    assert says in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("error", [ValueError("shapes (3,) and (4,)"), KeyError("force"), RuntimeError("no")])
def test_a_defect_keeps_its_traceback(error, capsys):
    @guarded
    def command():
        raise error

    with pytest.raises(typer.Exit) as stop:
        command()
    said = capsys.readouterr().err
    assert stop.value.exit_code == 2
    assert "Traceback" in said
    assert type(error).__name__ in said
    assert "a defect of asperity" in said


def test_linear_algebra_has_one_thread_unless_another_number_is_set():
    """Before NumPy is loaded, or nobody hears it."""
    said = "import os, sys, asperity.cli as c; c.app = lambda: print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in " \
           "sys.modules); c.main()"
    for given, expected in (({}, "1 False"), ({"OPENBLAS_NUM_THREADS": "3"}, "3 False")):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | given
        found = subprocess.run([sys.executable, "-c", said], env=environment, stdout=subprocess.PIPE, text=True)
        assert found.stdout.strip() == expected
