"""The scanner on measured curves: files with the drive and a sensor's height.

``python -m tests.instrument.test_scanner_measured`` prints every supplied file.
"""

import numpy as np
import pytest

import asperity
from asperity.instrument.height_correction import Past, Trace, correct, joined
from asperity.instrument.identification import Identified, identify
from tests.conftest import shared_data

QI = "force/jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data"
#: s; the file names 7 ms for single moves between pixels and 50 ms for the next line, but not their sum
PAUSES = (0.007, 0.02, 0.05, 0.1, 0.2, 0.5)
TURNS = "force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map"
#: file -> pauses to choose from, curves used at most, how many of them are held out
MAPS = {QI: (PAUSES, 4, 1),
        TURNS: ((0.1, 1.0, 3.0), 16, 6),
        "force/jpk/map-data-2021.11.05-17.37.44.432.jpk-force-map": ((0.1, 1.0, 3.0), 6, 3)}
SINGLES = ("force/jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map",
           "force/jpk/fmt-jpk-fd_map0d_extracted.jpk-force-map",
           "force/jpk/fmt-jpk-fd_flipsign_2015.05.22-15.31.49.352.jpk-force",
           "force/jpk/fmt-jpk-fd_single-modified_2023.jpk-force",
           "force/jpk/fmt-jpk-fd_spot3-0192.jpk-force",
           "force/jpk/fmt-jpk-cl_calibration_force-save-2015.02.04-11.25.21.294.jpk-force",
           "force/rheology/fmt-jpk-cc_pr14-polymergel-2021.06.30.jpk-force",
           "force/rheology/fmt-jpk-cc_pr14-brain-2021.06.30.jpk-force",
           "force/rheology/fmt-jpk-sr_cell1-0008.jpk-force",
           "force/adhesion/fmt-jpk-fd_qi-data-2021.04.13.jpk-qi-series")


def traces_of(name: str, curves: int | None = None) -> list[Trace]:
    """The curves of a file, segments joined."""
    data = asperity.read(shared_data(name))
    counts = data["sample_count"].values

    def whole(variable: str, curve: int) -> np.ndarray:
        rows = data[variable].values[curve]
        return np.concatenate([row[:count] for row, count in zip(rows, counts[curve], strict=True)])

    return [Trace(whole("time", k), whole("height_drive", k), whole("height", k)) for k in
            range(min(len(counts), curves or len(counts)))]


def straight_line(trace: Trace) -> float:
    """The relative residual of a line through drive and sensor."""
    line = np.polyval(np.polyfit(trace.drive, trace.height, 1), trace.drive)
    return float(np.std(trace.height - line) / np.ptp(trace.height))


@pytest.fixture(scope="module")
def qi() -> tuple[list[Trace], Identified]:
    traces = traces_of(QI)
    return traces, identify(traces, held_out=[3], pauses=PAUSES)


def test_held_out_curve_of_the_qi_map(qi):
    """Learned from curves 1 and 2, curve 3 within 0.1 % of its range; a line leaves 3.1 %."""
    traces, found = qi
    assert found.relative < 1e-3
    assert found.linear == pytest.approx(0.031, abs=0.002)
    assert straight_line(traces[3]) == pytest.approx(found.linear, rel=1e-6)
    assert found.residual == pytest.approx(found.relative * np.ptp(traces[3].height), rel=1e-6)


@pytest.mark.study
def test_held_out_curves_of_a_map_with_turns_everywhere():
    """Learned from curves 1 to 6 of a map whose curves start and turn anywhere, 7 and 8 within 0.4 %."""
    traces = traces_of(TURNS, 9)
    found = identify(traces, held_out=[7, 8], pauses=(1.0,))
    assert found.relative < 4e-3
    assert found.linear > 0.03
    assert found.per_curve[0] > 2 * found.per_curve[1:].max()


def test_the_held_out_curve_takes_no_part(qi):
    """Another sensor height on curve 3 changes what the scanner is worth, not the scanner."""
    traces, found = qi
    changed = traces[3]._replace(height=0.9 * traces[3].height)
    other = identify([*traces[:3], changed], held_out=[3], pauses=PAUSES)
    assert other.order == found.order
    np.testing.assert_array_equal(other.scanner.hysteresis.weights, found.scanner.hysteresis.weights)
    assert other.relative > 10 * found.relative


def test_the_first_curve_is_flagged_and_worse(qi):
    """What the engagement left is not in the file."""
    traces, found = qi
    corrected, _ = correct(found.scanner, traces, tolerance=found.residual, pause=found.order.pause)
    assert corrected[0].past != Past.KNOWN
    assert corrected[0].certain_from > len(traces[0].drive) // 4
    assert found.per_curve[0] > 5 * found.per_curve[1:].max()


def test_the_exact_inverse_on_the_measured_drive(qi):
    """From the model's heights back to the recorded drive, to 1e-10 of its range."""
    from asperity.instrument.height_correction import required_drive

    traces, found = qi
    record = joined(traces, found.order.pause)
    start = correct(found.scanner, traces[:1], tolerance=1e-9)[1]
    height, _ = correct(found.scanner, [Trace(record.time, record.drive)], tolerance=1e-9, memory=start)
    back, _ = required_drive(found.scanner, record.time, height[0].height, memory=start)
    assert np.abs(back - record.drive).max() < 1e-10 * np.ptp(record.drive)


def main():
    """What the model leaves on the curves held out, for each file with several; lines for the others."""
    print("rms in % of the range of each curve; held-out curves took no part in fit or choice")
    for name, (pauses, curves, last) in MAPS.items():
        traces = traces_of(name, curves)
        held_out = range(len(traces) - last, len(traces))
        found = identify(traces, held_out=held_out, pauses=pauses)
        print(f"{name.split('/')[-1]}: {np.ptp(traces[-1].height) * 1e6:.1f} um; "
              f"learned 1 to {held_out[0] - 1}, held out {held_out[0]} to {held_out[-1]}")
        print(f"   {found.order}, line {100 * found.linear:.2f}, held out {100 * found.relative:.3f} "
              f"({found.residual * 1e9:.2g} nm)")
        print("   each curve:", " ".join(f"{100 * r:.3f}" for r in found.per_curve))
    for name in SINGLES:
        lines = " ".join(f"{100 * straight_line(trace):.2f}" for trace in traces_of(name))
        print(f"{name.split('/')[-1]}: too few curves to learn from; line {lines}")


if __name__ == "__main__":
    main()
