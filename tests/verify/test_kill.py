"""Whatever the disk says and whenever the process dies: nothing lost, nothing mixed, nothing left over.

At the file events of five kinds of work the disk is full, the disk is broken, or the process is killed; then the
same is run again. Lost: a chunk that was finished and is made again. Mixed: a result that differs by one bit from
that of an undisturbed run, or stands beside another job. Left over: a file that an undisturbed run does not leave.
"""

import collections

import pytest

from tests.disk_faults import MODES, faults

#: kind of work -> how many file events it has at least, and whether every one is tried or every so many-th: the
#: analysis of a large result writes 1400 small files of a zarr one like another, and each try takes seconds
EVENTS = {"loop": (40, 1), "zarr": (90, 1), "restarted": (70, 1), "analysis": (60, 1), "large": (1000, 23)}


@pytest.mark.parametrize("work", EVENTS)
def test_at_file_events(work, tmp_path):
    least, every = EVENTS[work]
    head, *rows = faults(work, tmp_path, "--every", every)
    told(f"{work}: {len(head['events'])} file events", rows)
    assert len(head["events"]) >= least
    for mode in MODES:
        tried = len([row for row in rows if row["mode"] == mode])
        assert tried >= len(head["events"]) // every - 8  # how often a folder is made again differs between runs


def test_at_random_times(tmp_path):
    _, *rows = faults("analysis", tmp_path, "--modes", "--random", "100")
    told("analysis: 100 kills at random times", rows)
    assert len(rows) == 100
    assert len({row["kept"] for row in rows}) >= 4, "the kills did not fall at different times"


def told(title, rows):
    """Print the table and fail by it."""
    print(f"\n{title}\n{'fault':12} tried  lost  mixed  left over  not told")
    for mode in dict.fromkeys(row["mode"] for row in rows):
        own = [row for row in rows if row["mode"] == mode]
        sums = collections.Counter()
        for row in own:
            sums.update(lost=row["lost"], mixed=row["mixed"], left=len(row["left"]), untold=int(row["code"] != 0))
        print(f"{mode:12} {len(own):5} {sums['lost']:5} {sums['mixed']:6} {sums['left']:10} {sums['untold']:9}")
    wrong = [row for row in rows if row["code"] or row["lost"] or row["mixed"] or row["left"]]
    assert not wrong, wrong[:3]
