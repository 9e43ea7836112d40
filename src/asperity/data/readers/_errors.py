"""What can be wrong with a file, as exceptions that name the file, the cause and the remedy."""

from __future__ import annotations

import re
from os import PathLike

from asperity.messages import AsperityError

__all__ = ["CorruptFile", "MissingCalibration", "NotRecognized", "ReadError", "Unsupported", "printable"]

#: characters of what is wrong, beyond which the middle is left out: a file's own text may be of any length
_LONGEST = 300
#: control characters, line ends, and bytes that are no text: what breaks a line of a report, or cannot be encoded
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(path: str | PathLike[str]) -> str:
    """The name of a file in one line of text, as it is, but for what `UNPRINTABLE` finds in it."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), str(path))


class ReadError(AsperityError):
    """A file (or one curve of it) that cannot be read; the message says what, where and what to do."""

    #: what to do where the reader names nothing better
    usual_remedy = "Check the name and the access rights."

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str = "") -> None:
        if len(problem) > _LONGEST:
            problem = f"{problem[: _LONGEST // 2]} ... {problem[-_LONGEST // 2 :]}"
        self.path, self.problem, self.remedy = str(path), problem, remedy or self.usual_remedy
        super().__init__(f"{printable(path)}: {problem} {self.remedy}")

    def __reduce__(self):
        return type(self), (self.path, self.problem, self.remedy)


class NotRecognized(ReadError):
    """No reader knows the file."""

    usual_remedy = "Other data can be brought in as plain CSV."


class CorruptFile(ReadError):
    """The format is known, but the content is truncated, damaged or fails its self-check."""

    usual_remedy = "It may be damaged; copy or export it again."


class Unsupported(ReadError):
    """The format is known, but holds something else than force curves, or a variant not read yet."""

    usual_remedy = "Force curves of it can be brought in as plain CSV."


class MissingCalibration(ReadError):
    """Spring constant or sensitivity is neither in the file nor given."""

    usual_remedy = "Give it."
