"""The table of a study, printed whole before any of its figures is judged."""

from typing import NamedTuple


class Figure(NamedTuple):
    """What was found, and the limits (both included) within which it has to lie."""

    what: str
    found: float
    lowest: float = float("-inf")
    highest: float = float("inf")

    @property
    def held(self) -> bool:
        """Whether the figure lies within its limits; NaN does not."""
        return self.lowest <= self.found <= self.highest


def judge(title: str, figures: list[Figure]) -> None:
    """Print one row for each figure, then fail with those outside their limits; no figure at all fails too."""
    print(f"\n{title}\n\n| figure | found | lowest | highest | |\n|---|---|---|---|---|")
    for one in figures:
        verdict = "held" if one.held else "OUTSIDE"
        print(f"| {one.what} | {one.found:.4g} | {one.lowest:.4g} | {one.highest:.4g} | {verdict} |")
    assert figures, f"{title}: nothing was measured"
    outside = [one.what for one in figures if not one.held]
    assert not outside, f"{title}: outside its limits: {', '.join(outside)}"
