"""Ten thousand mutations of every kind of file that comes in: no crash, hang, flood of memory or silent change.

``ASPERITY_FUZZ`` sets the number of mutations of each kind, ``ASPERITY_FUZZ_FIRST`` the first of them (a run that
was ended goes on there) and ``ASPERITY_FUZZ_SEED`` the seed. What is found is repeated, and its file kept, by
``python -m tests.fuzz --door KIND --seed SEED --case NUMBER``.
"""

import os

import pytest

from tests import doors, fuzz
from tests.verify.verdict import Figure, judge

COUNT = int(os.environ.get("ASPERITY_FUZZ", "10000"))
FIRST = int(os.environ.get("ASPERITY_FUZZ_FIRST", "0"))
SEED = int(os.environ.get("ASPERITY_FUZZ_SEED", "9"))


@pytest.mark.parametrize("door", doors.doors())
def test_no_file_does_harm(door):
    records = fuzz.run(SEED, COUNT, FIRST, door)
    print(f"{door}, seed {SEED}, mutations {FIRST} to {FIRST + COUNT - 1}\n{fuzz.summarize(records)}")
    judge(f"Mutations of {door}", [
        Figure("mutations", len(records), COUNT, COUNT),
        Figure("defects: crash, hang, memory, unexpected error, silent change", len(fuzz.defects(records)), 0, 0),
        Figure("slowest (s of CPU time)", max(record["seconds"] for record in records), 0, fuzz.SECONDS),
        Figure("largest growth of memory (bytes)", max(record["grown"] for record in records), 0, fuzz.MEMORY),
    ])
