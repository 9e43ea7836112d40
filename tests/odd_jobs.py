"""What a worker is told in tests: tasks that die, fail or wait as a table beside them says; loads nothing heavy."""

import json
import logging
import os
import signal
import time
from pathlib import Path

CURVES = 4


def do(folder, kind, number, how):
    """One task of four curves; leaves a file of its name, and a line of every call."""
    place = Path(folder)
    with open(place / "calls.txt", "a") as stream:
        stream.write(f"{kind} {number} {how} {os.getpid()}\n")
    rules = json.loads((place / "rules.json").read_text()).get(f"{kind} {number}", {})
    left = [curve for curve in rules.get("broken", []) if curve not in left_out(place, kind, number)]
    for curve in range(CURVES) if how == "trial" else ():
        (place / "at").write_text(f"{kind} {number} {curve}")
        if curve in left or (curve == 1 and len(calls(place, kind, number)) <= rules.get("killed", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
    if how == "trial":
        (place / "at").unlink()
        return
    if left or how in rules.get("dies", []) or len(calls(place, kind, number)) <= rules.get("killed", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if len(calls(place, kind, number)) <= rules.get("system", 0):
        raise OSError(5, "the network is away")
    if "error" in rules:
        raise ValueError(rules["error"])
    time.sleep(rules.get("wait", 0.0))
    logging.getLogger("asperity").warning("the same line")
    (place / f"{kind}-{number}").write_text("done")


def calls(place, *words):
    """The calls so far that begin with these words."""
    found = (Path(place) / "calls.txt").read_text().splitlines() if (Path(place) / "calls.txt").exists() else []
    return [line for line in found if line.startswith(" ".join(map(str, words)))]


def left_out(place, kind, number):
    """The curves of a task that were blamed."""
    file = place / f"broken {kind} {number}"
    return json.loads(file.read_text()) if file.exists() else []


def blame(place):
    """As `asperity.data.crew.Orders.blame`."""
    if not (place / "at").exists():
        return ""
    kind, number, curve = (place / "at").read_text().split()
    (place / "at").unlink()
    suspect = place / f"suspect {kind} {number} {curve}"
    if not suspect.exists():
        suspect.touch()
        return ""
    (place / f"broken {kind} {number}").write_text(json.dumps([*left_out(place, kind, number), int(curve)]))
    return f"curve {curve} of {kind} {number}"


def unborn(folder, kind, number, how):
    """What no worker can load."""


if os.environ.get("ODD_JOBS_END"):
    os._exit(3)
