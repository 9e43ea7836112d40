"""Refinement inside the bound: nearer to the true tip than published, with an error that means something.

`python -m tests.instrument.test_tip_refinement` prints the errors on the reference's case and the supplied frames.
"""

import time

import numpy as np
import pytest

from asperity.instrument.blind_tip import bound_tip
from asperity.instrument.morphology import place_apex
from asperity.instrument.tip_refinement import refine_tip
from tests.conftest import shared_data
from tests.instrument.test_blind_tip import protein_frames, reached, rms

NOISE = 0.3  # nm, 1.05 nm of error is published for it


def reference_case(seed: int, pixels: int = 30):
    """Noisy frames, their bound, the tip and the pixels that count."""
    surfaces, images, tip = protein_frames(pixels)
    noisy = images + NOISE * np.random.default_rng(seed).normal(size=images.shape)
    bound = bound_tip(noisy, tip.shape, noise_bound=4.5 * NOISE).heights
    return noisy, bound, tip, reached(tip, surfaces)


def test_units_and_offsets_do_not_matter():
    """In other units and on another level the same frames give the same tip (float32 inside, 20 steps)."""
    frames, bound = protein_frames(30, count=3)[1][:, 6:24, 6:24], np.zeros((5, 5))
    one = refine_tip(frames, bound, noise_std=NOISE, steps=20).heights
    other = refine_tip(frames * 1e-9 + 1e-7, bound, noise_std=NOISE * 1e-9, steps=20).heights * 1e9
    assert one.min() < -1
    assert np.sqrt(np.mean((one - other)**2)) < 0.1 * NOISE


def test_inside_the_bound_with_its_apex():
    """On small frames; the error on the reference's case is judged in tests/verify."""
    frames = protein_frames(30, count=3)[1][:, 6:24, 6:24]
    bound = np.minimum(np.add.outer(*(-0.2 * np.arange(-2, 3) ** 2,) * 2), 0)
    found = refine_tip(frames, bound, noise_std=NOISE, steps=20)
    assert (found.heights <= bound + 1e-6).all()
    assert found.heights[2, 2] == 0
    assert np.isnan(found.std).all()
    assert found.risk > 0


@pytest.mark.parametrize(("frames", "bound", "more"), [
    (np.zeros((9, 9)), np.zeros((3, 3)), {}), (np.zeros((1, 9, 9)), np.zeros((3, 3)), {"noise_std": 0.0}),
    (np.zeros((2, 9, 9)), np.zeros((3, 3)), {"replicates": 3}), (np.zeros((1, 9, 9)), np.zeros((2, 3)), {}),
    (np.zeros((1, 9, 9)), np.array([[0.0, -1, -1]] * 3), {})])
def test_what_makes_no_sense_is_refused(frames, bound, more):
    with pytest.raises(ValueError, match=r"frame|odd|apex"):
        refine_tip(frames, bound, **{"noise_std": 1.0, **more})


def reference_table(seeds: range, pixels: tuple[int, ...] = (40, 30)) -> None:
    for size in pixels:
        for seed in seeds:
            frames, bound, tip, counted = reference_case(seed, size)
            start = time.process_time()
            found = refine_tip(frames, bound, noise_std=NOISE)
            print(f"3A5I {size} px, seed {seed}: bound {rms(bound, tip, counted):.2f} nm, refined "
                  f"{rms(found.heights, tip, counted):.3f} nm (published 1.05), risk {found.risk:.2f}, "
                  f"{time.process_time() - start:.1f} CPU s", flush=True)


def supplied_table(frames: int = 100) -> None:
    """The supplied myosin frames with their own noise of 0.3 nm, single and double tip."""
    surfaces = np.load(shared_data("image/tip/single_tip_surfs.npy"))[:frames] / 10
    for kind, apex in (("single", (6, 6)), ("double", (6, 4))):
        images = np.load(shared_data(f"image/tip/{kind}_tip_images.npy"))[:frames] / 10
        tip = np.load(shared_data(f"image/tip/{kind}_tip_tip.npy")) / 10
        tip = place_apex(tip, apex)
        tip = np.maximum(tip, -100)  # nm, for what is added around it
        bound = bound_tip(images, tip.shape, noise_bound=5 * NOISE).heights
        found, counted = refine_tip(images, bound, noise_std=NOISE), reached(tip, surfaces)
        print(f"{kind} tip, {frames} frames, {counted.sum()} pixels: bound {rms(bound, tip, counted):.2f} nm, refined "
              f"{rms(found.heights, tip, counted):.3f} nm, a flat tip {rms(0 * tip, tip, counted):.2f} nm", flush=True)


def bootstrap_table(replicates: int = 20) -> None:
    """How far refined tips of 8 noise seeds lie from their mean, over the bootstrap's standard deviation."""
    found = [refine_tip(*reference_case(seed)[:2], noise_std=NOISE, replicates=replicates) for seed in range(4)]
    counted = reference_case(0)[3]
    actual = np.std([f.heights for f in found], axis=0, ddof=1)[counted]
    claimed = np.sqrt(np.mean([f.std**2 for f in found], axis=0))[counted]
    print(f"standard deviation over noise seeds: rms {np.sqrt(np.mean(actual**2)):.3f} nm; bootstrap over frames: rms "
          f"{np.sqrt(np.mean(claimed**2)):.3f} nm")


if __name__ == "__main__":
    reference_table(range(5))
    supplied_table()
    bootstrap_table()
