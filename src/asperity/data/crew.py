"""The chunks of a job, shared by workers: each of them may die, and the job is still finished.

What a worker was at when it died is set aside until nothing else is left to do, and then done alone: first each of its
curves is tried by itself, and the one that ends a worker twice more is named and left out from then on. What still
cannot be done as a whole is done curve by curve, and what cannot be done at all is an error.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from asperity.data.workers import AbstractHands, Answer, Task, WorkerError
from asperity.diagnosis import package_versions, wrong_numbers

__all__ = ["How", "Orders", "finished", "require_versions", "versions"]

_log = logging.getLogger("asperity")

#: s that an interruption waits for the chunks in work
PATIENCE = 5.0
#: times that what the system refused (an OSError) is tried again
RETRIES = 2
#: curves of one task that end a worker, beyond which it is the program or the machine
MOST_BROKEN = 8
#: chunks among which one is looked for that lacks nothing, where the next ones must wait
_AHEAD = 256
#: packages whose versions decide the last digits, and whether a number is right
_DECIDE = ("asperity", "jax", "jaxlib", "numpy")

#: how a task is done: at once, curve by curve, or not at all but only tried, curve by curve
How = Literal["whole", "apart", "trial"]


class Orders(NamedTuple):
    """What is to be done, in words that another process understands.

    ``do(folder, kind, number, how, *more)`` is a function of a module, by name; it leaves what it makes in the folder.
    """

    do: Callable[..., None]
    folder: str
    needs: Callable[[int], Sequence[int]]  # of a chunk: what must have been done before
    blame: Callable[[], str]  # after a trial that ended its worker: the curve in words, if it did so before; or ""
    where: Callable[[Task], str]  # a task in words
    more: Callable[[Task], tuple[Any, ...]] = lambda task: ()  # what else ``do`` is given for it, made when it is


def finished(hands: AbstractHands, orders: Orders, numbers: Sequence[int]) -> Generator[int, None, None]:
    """Do the chunks of these ``numbers``; each is given when it is on the disk.

    Raises:
        WorkerError: a task that failed, with its message, or one that ends every worker.
    """
    crew = _Crew(hands, orders, numbers)
    patience = 0.0
    try:
        hands.begin(orders.do, len(numbers))
        while crew.todo or crew.aside or hands.busy():
            yield from crew.together() if crew.ready() or hands.busy() else crew.alone()
    except KeyboardInterrupt:
        patience = PATIENCE
        raise
    finally:
        hands.end(patience)


class _Crew:
    """What is left to do, and what became of it so far."""

    def __init__(self, hands: AbstractHands, orders: Orders, numbers: Sequence[int]) -> None:
        self.hands, self.orders = hands, orders
        self.todo, self.aside = deque(numbers), deque[Task]()
        self.begun, self.there = set[int](), set[int]()  # of what chunks need before
        self.failures: dict[Task, int] = {}
        self.said = set[str]()

    def ready(self) -> Task | None:
        """The next task that can be done now: the first chunk, what it needs, or a later chunk that lacks nothing."""
        for number in islice(self.todo, _AHEAD):
            missing = [need for need in self.orders.needs(number) if need not in self.there]
            if not missing:
                return Task("chunk", number)
            new = [need for need in missing if need not in self.begun]
            if new:
                return Task("before", new[0])
        return None

    def together(self) -> Iterator[int]:
        """Give all hands something to do, and take one answer."""
        while self.hands.free() and (task := self.ready()):
            self._give(task)
        task, answer = self.hands.next()
        if answer is None:
            _log.warning("a worker ended at %s; that is done again later, by itself", self.orders.where(task))
            self.aside.append(task)
        elif self._well(task, answer):
            yield from self._done(task)
        else:
            self._give(task)

    def alone(self) -> Iterator[int]:
        """Do a task at which a worker ended; nothing else runs now."""
        task = self.aside.popleft()
        for _ in range(2 * MOST_BROKEN + 1):
            if self._one(task, "trial"):
                break
            if curve := self.orders.blame():
                _log.warning("%s broke the program: it is left out, as unreadable", curve)
        else:
            raise WorkerError(f"{self.orders.where(task)}: more than {MOST_BROKEN} of its curves end a worker, each by "
                              "itself; that is the program or the machine: see 'asperity doctor'")
        if not (self._one(task, "whole") or self._one(task, "apart")):
            raise WorkerError(f"{self.orders.where(task)} ends every worker, and none of its curves does by itself. Is "
                              "there too little memory? Give fewer workers, or fewer curves at a time (batch)")
        yield from self._done(task)

    def _one(self, task: Task, how: How) -> bool:
        """Whether a worker has done this and lives."""
        while True:
            self._give(task, how)
            _, answer = self.hands.next()
            if answer is None or self._well(task, answer):
                return answer is not None

    def _give(self, task: Task, how: How = "whole") -> None:
        if task.kind == "before":
            self.begun.add(task.number)
        elif task.number in self.todo:
            self.todo.remove(task.number)
        call = self.orders.do, self.orders.folder, task.kind, task.number, how
        self.hands.give(task, call + self.orders.more(task))

    def _done(self, task: Task) -> Iterator[int]:
        if task.kind == "before":
            self.there.add(task.number)
        else:
            yield task.number

    def _well(self, task: Task, answer: Answer) -> bool:
        """Whether it is done; False: it is worth another try. What the worker said is said here, once."""
        for level, line in answer.said:
            if line not in self.said:
                self.said.add(line)
                _log.log(level, "%s", line)
        if answer.kind == "defect":
            raise RuntimeError(f"{self.orders.where(task)}: a worker failed.\n{answer.failure}")
        self.failures[task] = self.failures.get(task, 0) + bool(answer.failure)
        if answer.failure and (answer.kind != "system" or self.failures[task] > RETRIES):
            raise WorkerError(answer.failure)
        return not answer.failure


def versions() -> dict[str, str]:
    """Name -> version of what decides the last digits."""
    found = package_versions()
    return {name: found[name] for name in _DECIDE}


def require_versions(planned: Mapping[str, str]) -> None:
    """Find that this process gives the numbers that are meant.

    Raises:
        WorkerError: its jax is one that gives wrong numbers, or its versions are others than those ``planned``.
    """
    own = versions()
    if wrong_numbers(own["jax"]):
        raise WorkerError(f"a worker has jax {own['jax']}, which gives wrong numbers: see 'asperity doctor' there")
    differ = [f"{name} {own[name]} for {planned.get(name)}" for name in _DECIDE if own[name] != planned.get(name)]
    if differ:
        raise WorkerError("a worker has other versions than those with which the job was planned: "
                          f"{', '.join(differ)}. Use one environment for all, or plan it again")
