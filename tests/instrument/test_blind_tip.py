"""The blind outer bound: never below the true tip, and equal to it where the images say enough.

`python -m tests.instrument.test_blind_tip` prints the table of noise levels.
"""

import jax
import numpy as np
import pytest
from scipy.ndimage import grey_dilation
from scipy.spatial.transform import Rotation

from asperity.instrument.blind_tip import bound_tip, noise_bound
from asperity.instrument.morphology import dilate, place_apex
from asperity.virtual.surface import self_affine
from tests.conftest import shared_data
from tests.instrument.test_morphology import made

#: radii of residues in nm, as the reference case takes them
RADII = dict(CYS=.275, PHE=.32, LEU=.31, TRP=.34, VAL=.295, ILE=.31, MET=.31, HIS=.305, TYR=.325, ALA=.25, GLY=.225,
             PRO=.28, ASN=.285, THR=.28, SER=.26, ARG=.33, GLN=.30, ASP=.28, LYS=.32, GLU=.295)


def protein_frames(pixels: int = 40, count: int = 20, seed: int = 42) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The reference's own case: 3A5I in random turns on a flat stage, 1 nm pixels, a blunted cone as the tip.

    Returns surfaces, images (frame, row, column) and the tip (15, 15), in nm.
    """
    atoms = [line for line in shared_data("image/tip/3A5I.pdb").read_text().splitlines()
             if line.startswith("ATOM") and line[12:16].strip() == "CA"]
    place = np.array([[float(a[30:38]), float(a[38:46]), float(a[46:54])] for a in atoms]) / 10
    radius = np.array([RADII[a[17:20]] for a in atoms])
    middle = np.arange(pixels) + 0.5 - pixels / 2
    surfaces = np.zeros((count, pixels, pixels))
    for surface, turn in zip(surfaces, Rotation.random(count, rng=np.random.RandomState(seed)).as_matrix()):
        x, y, z = ((place - place.mean(axis=0)) @ turn.T).T
        square = radius[:, None, None]**2 - (x[:, None, None] - middle)**2 - (y[:, None, None] - middle[:, None])**2
        top = np.where(square > 0, (z - z.min())[:, None, None] + np.sqrt(np.maximum(square, 0)), 0)
        surface[:] = top.max(axis=0)[::-1]
    far = np.hypot(*np.mgrid[-7:8, -7:8])
    tip = np.where(far <= 2, np.sqrt(np.maximum(4 - far**2, 0)) - 2, -2 - (far - 2) / np.tan(0.3))
    with jax.enable_x64(True):
        return surfaces, np.asarray(jax.vmap(dilate, (0, None))(surfaces, tip)), tip


def reached(tip: np.ndarray, surfaces: np.ndarray) -> np.ndarray:
    """The tip pixels that half of the molecules are high enough to reach: those that the reference counts."""
    return tip > -np.median(surfaces.max(axis=(1, 2)))


def rms(estimate: np.ndarray, tip: np.ndarray, counted: np.ndarray) -> float:
    """The root mean square error over the counted pixels; tips that differ by a shift make the same images."""
    shifts = [(i, j) for i in range(-5, 6) for j in range(-5, 6)]
    return min(float(np.sqrt(np.mean((np.roll(estimate, s, (0, 1)) - tip)[counted]**2))) for s in shifts)


def rough_case(size: int, depth: float, pixels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A parabolic tip and the image it makes of a rough surface."""
    half = size // 2
    y, x = np.mgrid[-half: half + 1, -half: half + 1]
    tip = -depth * (x**2 + y**2) / (2 * half**2)
    return tip, grey_dilation(self_affine((pixels, pixels), hurst=0.5, rms=20, shortest=2, seed=seed), structure=tip)


def bounded_case(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """A random tip, its image with bounded noise, and the bound; every second noise is all at its bound."""
    tip, _, image = made(seed)
    rng = np.random.default_rng([seed, 2])
    bound = [0.0, 0.02, 0.3, 2.0][seed % 4] * image.std()
    noise = bound * (rng.uniform(-1, 1, image.shape) if seed % 8 < 4 else rng.choice([-1.0, 1.0], image.shape))
    return tip, image + noise, bound


@pytest.mark.parametrize("seed", range(8))
def test_never_below_the_true_tip_under_bounded_noise(seed):
    """Each level and kind of noise once; 120 tips are judged in tests/verify."""
    tip, image, bound = bounded_case(seed)
    found = bound_tip(image, tip.shape, noise_bound=bound)
    assert found.settled
    assert (found.heights >= tip).all()
    assert found.heights[tip.shape[0] // 2, tip.shape[1] // 2] == 0


def test_too_small_a_noise_bound_cuts_the_tip():
    """The property above can fail: with half the true bound it does."""
    tip, image = rough_case(5, 2.0, 64)
    noise = np.random.default_rng(0).choice([-0.2, 0.2], image.shape)
    assert (bound_tip(image + noise, tip.shape, noise_bound=0.2).heights >= tip).all()
    assert not (bound_tip(image + noise, tip.shape, noise_bound=0.1).heights >= tip).all()


def step_by_definition(image: np.ndarray, tip: np.ndarray, slack: float) -> np.ndarray:
    """One round over all image points, written as the formula stands."""
    m, n = tip.shape
    offsets = [(i, j) for i in range(-(m // 2), m // 2 + 1) for j in range(-(n // 2), n // 2 + 1)]
    height = {(i, j): image[i, j] for i in range(image.shape[0]) for j in range(image.shape[1])}
    new = tip.copy()
    for r in range(m // 2, image.shape[0] - m // 2):
        for c in range(n // 2, image.shape[1] - n // 2):
            possible = [d for d in offsets
                        if image[r, c] - image[r - d[0], c - d[1]] <= new[d[0] + m // 2, d[1] + n // 2] + slack]
            for x in offsets:
                highest = max(height.get((r + x[0] - d[0], c + x[1] - d[1]), np.inf)
                              + new[d[0] + m // 2, d[1] + n // 2] for d in possible)
                at = x[0] + m // 2, x[1] + n // 2
                new[at] = min(new[at], highest - image[r, c] + slack)
    return new


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_greatest_fixed_point_whatever_the_order(noise):
    tip, image = rough_case(5, 2.0, 24, seed=1)
    image = image + np.random.default_rng(1).uniform(-noise, noise, image.shape)
    found = bound_tip(image, tip.shape, noise_bound=noise)
    slack = 2 * (noise + 1e-9 * np.ptp(image))
    slow = np.zeros(tip.shape)
    while (new := step_by_definition(image, slow, slack)).sum() < slow.sum():
        slow = new
    np.testing.assert_allclose(found.heights, slow, atol=1e-6)
    assert found.heights.min() < -0.5


def test_turned_images_give_turned_tips():
    tip, image = rough_case(5, 2.0, 40, seed=2)
    tip[:, 3:] -= 0.7
    image = grey_dilation(self_affine((40, 40), hurst=0.5, rms=20, shortest=2, seed=2), structure=tip)
    found = bound_tip(image, tip.shape).heights
    np.testing.assert_allclose(bound_tip(np.rot90(image), tip.shape).heights, np.rot90(found), atol=1e-6)
    np.testing.assert_allclose(bound_tip(image + 100, tip.shape).heights, found, atol=1e-6)


def test_reference_case_without_noise():
    """20 molecules on a flat stage: the tip to better than 1e-5 nm wherever they reach it."""
    surfaces, images, tip = protein_frames()
    found = bound_tip(np.pad(images, ((0, 0), (7, 7), (7, 7))), tip.shape)
    counted = reached(tip, surfaces)
    assert counted.sum() >= 40
    assert (found.heights >= tip).all()
    assert np.sqrt(np.mean((found.heights - tip)[counted]**2)) < 1e-5


@pytest.mark.study
def test_myosin_frames_without_noise():
    """The supplied myosin surfaces (Angstrom), dilated by the supplied tip: exact where the frames reach."""
    surfaces = np.load(shared_data("image/tip/single_tip_surfs.npy"))[:60]
    tip = place_apex(np.load(shared_data("image/tip/single_tip_tip.npy")))
    with jax.enable_x64(True):
        images = np.asarray(jax.vmap(dilate, (0, None))(surfaces, tip))
    found = bound_tip(np.pad(images, ((0, 0), (7, 7), (7, 7))), tip.shape)
    counted = reached(tip, surfaces)
    assert (found.heights >= tip).all()
    assert counted.sum() >= 9
    assert np.abs(found.heights - tip)[counted].max() < 1e-4  # 1e-5 nm


def test_frames_of_all_shapes_and_a_start_from_earlier_ones():
    tip, image = rough_case(7, 2.5, 60, seed=3)
    parts = [image[:30], image[30:, :25], image[30:, 25:]]
    together = bound_tip(parts, tip.shape).heights
    first = bound_tip(parts[0], tip.shape).heights
    assert (together <= first).all()
    after = bound_tip(parts[1:], tip.shape, start=first).heights
    again = bound_tip(parts, tip.shape, start=after).heights
    np.testing.assert_allclose(again, together, atol=1e-6)
    assert (after >= tip).all()


def test_spikes_are_left_out_as_missing_pixels():
    tip, image = rough_case(5, 2.0, 60, seed=4)
    spiked = image.copy()
    spiked[20, 20] += 50
    spiked[40:43, 10] = np.nan
    assert not (bound_tip(np.nan_to_num(spiked, nan=0), tip.shape).heights >= tip).all()
    spiked[20, 20] = np.nan
    found = bound_tip(spiked, tip.shape).heights
    assert (found >= tip).all()
    assert np.abs(found - tip).max() < 1e-4


def test_progress_and_an_early_end():
    tip, image = rough_case(7, 2.5, 60, seed=5)
    image = image + np.random.default_rng(5).uniform(-0.1, 0.1, image.shape)
    seen = []
    early = bound_tip(image, tip.shape, noise_bound=0.1, passes=1, progress=lambda k, t: seen.append((k, t.sum())))
    full = bound_tip(image, tip.shape, noise_bound=0.1, progress=lambda k, t: seen.append((k, t.sum())))
    assert not early.settled
    assert full.settled
    assert [k for k, _ in seen] == [1, *range(1, full.passes + 1)]
    assert (early.heights >= full.heights).all()
    assert (full.heights >= tip).all()


@pytest.mark.parametrize(("images", "size", "more"), [
    (np.zeros((9, 9)), (4, 3), {}), (np.zeros((3, 9)), (5, 5), {}), (np.full((9, 9), np.nan), (3, 3), {}),
    (np.zeros((9, 9)), (3, 3), {"start": np.ones((3, 3))}), (np.zeros((9, 9)), (3, 3), {"noise_bound": -1.0})])
def test_what_makes_no_sense_is_refused(images, size, more):
    with pytest.raises(ValueError, match=r"odd|window|finite|noise"):
        bound_tip(images, size, **more)


def test_noise_bound_keeps_its_confidence():
    """Over 400 pairs of scans the 90 % bound holds in 90 %; s is right, spikes are found, leveling is not needed."""
    held, std = 0, []
    truth = self_affine((48, 48), rms=5, seed=0)
    for seed in range(400):
        noise = np.random.default_rng(seed).normal(scale=0.3, size=(2, 48, 48))
        found = noise_bound(truth + noise[0], truth + noise[1] + 7.0, confidence=0.9)
        held, std = held + (np.abs(noise[0]).max() <= found.bound), [*std, found.std]
    assert abs(held / 400 - 0.9) < 3 * np.sqrt(0.09 / 400) + 0.01  # the bound's own error adds a little
    assert np.mean(std) == pytest.approx(0.3, rel=0.003)
    noise[0, 5, 5] += 3
    assert noise_bound(truth + noise[0], truth + noise[1]).outliers[5, 5]


def noise_table(pixels: int = 256) -> None:
    """Errors of the bound on a parabolic 11 x 11 tip of 2.5 nm depth (section 4 of the reference's notes)."""
    tip, image = rough_case(11, 2.5, pixels)
    print(f"image range {np.ptp(image):.0f} nm; a flat tip has an error of {np.sqrt(np.mean(tip**2)):.2f} nm")
    for name, size in (("none", 0.0), ("uniform", 0.05), ("uniform", 0.2), ("Gauss", 0.05), ("Gauss", 0.2)):
        rng = np.random.default_rng(1)
        shape = (2, *image.shape)
        noise = size * (rng.normal(size=shape) if name == "Gauss" else rng.uniform(-1, 1, shape))
        bounds = {"known": size} if name != "Gauss" else {"2 sd": 2 * size, "4 sd": 4 * size}
        bounds["from two scans"] = noise_bound(image + noise[0], image + noise[1]).bound
        for kind, bound in bounds.items():
            found = bound_tip(image + noise[0], tip.shape, noise_bound=bound)
            error = found.heights - tip
            print(f"{name:8} {size:5.2f}  e {kind:15} {bound:6.3f}  rms {np.sqrt(np.mean(error**2)):.3f} nm  "
                  f"least {error.min():7.3f} nm  settled {found.settled}")


if __name__ == "__main__":
    noise_table()
