"""A Ctrl-C is never lost."""

import subprocess
import sys

import pytest

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
    end = time.monotonic() + 3
    while time.monotonic() < end:
        sum(range(100))
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(("how", "outcome"), [("insist", "interrupted"), ("plain", "went on")])
def test_an_interruption_that_python_drops_comes_again(how, outcome):
    done = subprocess.run([sys.executable, "-c", DROPPED, how], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == outcome


def test_other_dropped_errors_are_still_told():
    code = DROPPED.replace("raise KeyboardInterrupt", "raise ValueError('told')").replace("+ 3", "+ 0.2")
    done = subprocess.run([sys.executable, "-c", code, "insist"], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "went on"
    assert "ValueError: told" in done.stderr
