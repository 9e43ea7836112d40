"""How the command line speaks and listens: messages, progress, interruptions, compiled code that is kept."""

from __future__ import annotations

import _thread
import functools
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from asperity.messages import AsperityError

__all__ = ["guarded", "insist_on_interrupts", "keep_compiled", "progress"]

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


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with curves per second and the time left, from the first call of (done, total) on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    speed = TextColumn("{task.fields[rate]}")
    what = TextColumn("{task.description}")
    bar = Progress(what, BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn(), console=_err)
    task = bar.add_task("curves", total=None, rate="")
    begun: list[tuple[float, int]] = []  # when, and how many were finished by an earlier run

    def tell(done: int, total: int) -> None:
        bar.start()
        begun.append((time.monotonic(), done))
        seconds, curves = begun[-1][0] - begun[0][0], done - begun[0][1]
        rate = curves / max(seconds, 1e-9)
        said = f"{rate:.0f}/s" if rate > 9 else f"{rate:.2g}/s"
        first = done < total and not curves
        bar.update(task, completed=done, total=total, rate=said if curves else "", refresh=True,
                   description="compiling the model, once: some 10 s; curves" if first else "curves")

    try:
        yield tell
    finally:
        if begun:
            bar.stop()


def keep_compiled() -> None:
    """Let jax keep what it compiles, per machine, in the user's cache: a second run starts at once.

    Own settings win. XLA's log is silenced: it takes its own tuning hints for missing processor features
    when it loads what it compiled on the same machine.
    """
    from asperity.data.workers import compiled_here

    for name, value in compiled_here().items():
        os.environ.setdefault(name, value)


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
