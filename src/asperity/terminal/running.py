"""How the command line speaks and listens: messages, progress, interruptions, compiled code that is kept."""

from __future__ import annotations

import _thread
import functools
import gc
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from asperity.messages import WAITED_FOR, ArgumentError, AsperityError

__all__ = ["Progress", "collect_rarely", "guarded", "insist_on_interrupts", "keep_apart", "keep_compiled",
           "one_thread_each", "progress", "say"]

#: objects that are made before Python looks for cycles of dead ones, and how often it looks farther back: with its own
#: 700 and 10, a fifth of the time of a first result goes into looking through what was imported
_RARELY = (50_000, 20, 100)

_err = Console(stderr=True)


class _ToConsole(logging.Handler):
    """Messages on stderr, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(self.format(record), "yellow")


def _say(text: str, style: str) -> None:
    _err.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """A message for people (or of the system, on a file) is printed, exit code 2; Ctrl-C says how to go on."""

    @functools.wraps(command)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(handler, _ToConsole) for handler in logging.getLogger("asperity").handlers):
            logging.getLogger("asperity").addHandler(_ToConsole(logging.WARNING))
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt as stop:
            _say(" ".join(["\nInterrupted.", *getattr(stop, "__notes__", ["Nothing of it is kept."])]), "yellow")
            raise typer.Exit(130) from None
        except (AsperityError, OSError) as error:
            _say(f"Error: {error}", "red")
            raise typer.Exit(2) from None
        except Exception:
            traceback.print_exc()
            _say("This is a defect of asperity, not of your data. Finished chunks are kept.", "red")
            raise typer.Exit(2) from None

    return call


class Progress(logging.Handler):
    """A bar on stderr with curves per second, the time left, and what is waited for; calling it moves the bar.

    It hears what asperity logs: what is begun stands before the bar, what was found above it; ``contents`` are those
    of the results where they were told of, with their scorecard.
    """

    contents: Any = None

    def __init__(self, what: str = "curves") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(WAITED_FOR)
        self.what = what
        speed = TextColumn("{task.fields[rate]}")
        begun = TextColumn("{task.description}")
        self.bar = Progress(begun, BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn(), console=_err)
        self.task = self.bar.add_task(what, total=None, rate="")
        self.begun: tuple[float, int] | None = None  # when, and how many were finished by an earlier run
        self.compiles = False

    def __call__(self, done: int, total: int) -> None:
        """Tell how many of all curves are finished."""
        self.bar.start()
        self.begun = self.begun or (time.monotonic(), done)
        seconds, curves = time.monotonic() - self.begun[0], done - self.begun[1]
        rate = curves / max(seconds, 1e-9)
        said = f"{rate:.0f}/s" if rate > 9 else f"{rate:.2g}/s"
        self.compiles = done < total and not curves
        self.bar.update(self.task, completed=done, total=total, rate=said if curves else "")
        self._wait_for(self.what)

    def emit(self, record: logging.LogRecord) -> None:
        """Show what is begun, or what was found."""
        if record.levelno == WAITED_FOR:
            self._wait_for(record.getMessage())
        elif (found := getattr(record, "contents", None)) is not None:
            self.contents = found
            _say(record.getMessage(), "")

    def stop(self) -> None:
        """Leave the bar as it is, if it ever began."""
        if self.begun is not None:
            self._wait_for(self.what)
            self.bar.stop()

    def _wait_for(self, what: str) -> None:
        first = "compiling the model, once: some 10 s; " if self.compiles else ""
        self.bar.update(self.task, description=first + what, refresh=self.begun is not None)


@contextmanager
def progress(what: str = "curves") -> Iterator[Progress]:
    """A bar on stderr, from the first call of (done, total) on; ``what`` is counted."""
    log, bar = logging.getLogger("asperity"), Progress(what)
    usual = log.level
    log.setLevel(WAITED_FOR)
    log.addHandler(bar)
    try:
        yield bar
    finally:
        log.setLevel(usual)
        log.removeHandler(bar)
        bar.stop()


def say(findings: Sequence[str], outputs: Sequence[Path], *, as_json: bool) -> None:
    """Print what was found and what was written, for people or for machines."""
    if as_json:
        typer.echo(json.dumps({"findings": list(findings), "outputs": [str(path) for path in outputs]}))
    else:
        typer.echo("\n".join([*findings, *(f"-> {path}" for path in outputs)]))


def keep_apart(paths: Sequence[Path], out: Path, mark: str, *more: Path) -> None:
    """Raise ArgumentError if ``out``, the page and table beside it, or ``more`` would stand in the place of an input.

    ``mark`` is what the name that is proposed instead has more.
    """
    written = {one.absolute() for one in (out, out.with_suffix(".html"), out.with_suffix(".csv"), *more)}
    for path in paths:
        if path.absolute() in written:
            raise ArgumentError(f"--out {out}: '{path}' would be written over; give another name, such as "
                                f"--out {out.with_name(out.stem + mark + out.suffix)}")


def keep_compiled() -> None:
    """Let jax keep what it compiles, per machine, in the user's cache: a second run starts at once.

    Own settings win. XLA's log is silenced: it takes its own tuning hints for missing processor features
    when it loads what it compiled on the same machine.
    """
    from asperity.data.workers import compiled_here

    for name, value in compiled_here().items():
        os.environ.setdefault(name, value)


def one_thread_each() -> None:
    """Let NumPy's linear algebra work in one thread: thousands of 13 x 13 matrices gain nothing from a second.

    Threads that wait for each other took a quarter of the processor's time of a map. Own settings win.
    """
    from asperity.data.workers import ONE_THREAD

    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)


def collect_rarely() -> None:
    """Let Python look for cycles of dead objects less often; large arrays are in none, and are freed at once."""
    gc.set_threshold(*_RARELY)


def insist_on_interrupts() -> None:
    """Send a Ctrl-C again that fell into a callback of the garbage collector, where Python drops it.

    It is sent from a thread, a moment later: at once it would fall into this hook itself.
    """
    usual = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_type is KeyboardInterrupt:
            threading.Timer(0.05, _thread.interrupt_main).start()
        else:
            usual(dropped)

    sys.unraisablehook = hook
