"""A small file of every format, from the builders beside the tests of each reader."""

import numpy as np

from tests.data.readers.force_curves import (
    test_afmformats_hdf5,
    test_afmformats_tab,
    test_chiaro,
    test_igor,
    test_jpk_text,
    test_nanoscope,
    test_nanosurf,
    test_ntmdt,
    test_plain_csv,
    test_workshop,
)
from tests.data.readers.force_curves.jpk_archives import build_map

#: files of arbitrary numbers: nothing rises in their approach
ARBITRARY = ("tiny.jpk-force-map", "tiny.nid")


def tiny_files(folder):
    """Reader -> a small file of its format, written into ``folder``."""
    ramps = np.stack([test_nanoscope.counts_of_a_ramp(peak=3200 + i) for i in range(6)])
    workshop = {f"{i}.csv": test_workshop.workshop_text(i, x=i) for i in range(3)}
    jpk_text = [(0, "extend", test_jpk_text.APPROACH), (1, "pause", test_jpk_text.HOLD),
                (2, "retract", test_jpk_text.RETRACT)]
    return {
        "jpk": build_map(folder / ARBITRARY[0], {0: (30, 5, 30), 1: (28, None, 31), 2: (30, 5, 30)}),
        "nanoscope": test_nanoscope.file_of(
            folder / "tiny.spm", test_nanoscope.as_stored(ramps, "fraction zero"), grid=(2, 3)),
        "nanosurf": test_nanosurf.file_of(
            folder / ARBITRARY[1], test_nanosurf.spectroscopy(3, used=[8, 5, 7])),
        "igor": test_igor.written(folder / "tiny.ibw", test_igor.curve()),
        "chiaro": test_chiaro.write(folder / "chiaro.txt", test_chiaro.chiaro_text(test_chiaro.ramp(400))),
        "workshop": test_workshop.make_map(folder / "tiny.zip", workshop),
        "ntmdt": written(folder / "ntmdt.txt", test_ntmdt.ntmdt_text()),
        "jpk_text": test_jpk_text.write(folder / "jpk.txt", jpk_text),
        "afmformats_hdf5": test_afmformats_hdf5.make_file(folder / "tiny.h5"),
        "afmformats_tab": written(folder / "tiny.tab", test_afmformats_tab.tab_text()),
        "plain_csv": written(folder / "tiny.csv", test_plain_csv.example()),
    }


def written(path, text):
    path.write_bytes(text.encode())
    return path
