"""Moduli of polycrystals: isotropic solids, published numbers, bounds."""

import numpy as np

from asperity.atomistic.moduli import moduli


def cubic(c11, c12, c44):
    found = np.diag([c11] * 3 + [c44] * 3).astype(float)
    found[:3, :3] += c12 * (1 - np.eye(3))
    return found


def test_an_isotropic_solid_is_itself():
    young, nu = 70.0, 0.33
    shear, bulk = young / 2 / (1 + nu), young / 3 / (1 - 2 * nu)
    found = moduli(cubic(bulk + 4 / 3 * shear, bulk - 2 / 3 * shear, shear))
    np.testing.assert_allclose(found[:8], [bulk] * 3 + [shear] * 3 + [young, nu], rtol=1e-12)
    assert abs(found.anisotropy) < 1e-12


def test_copper_and_the_bounds_of_any_crystal():
    """C11, C12, C44 = 168.4, 121.4, 75.4 GPa: 54.6 and 40.0 GPa by the formulas for cubic crystals."""
    found = moduli(cubic(168.4, 121.4, 75.4))
    c = 168.4 - 121.4
    np.testing.assert_allclose([found.shear_voigt, found.shear_reuss],
                               [(c + 3 * 75.4) / 5, 5 * c * 75.4 / (4 * 75.4 + 3 * c)], rtol=1e-12)
    rng = np.random.default_rng(0)
    for _ in range(20):
        root = rng.standard_normal((6, 6))
        several = moduli(root @ root.T + np.eye(6))
        assert several.bulk_reuss <= several.bulk <= several.bulk_voigt
        assert several.shear_reuss <= several.shear <= several.shear_voigt
        assert several.anisotropy >= 0


def test_an_unstable_crystal_has_no_moduli():
    found = moduli(cubic(100.0, 120.0, 50.0))
    assert found.softest < 0
    assert np.isnan(found.shear_reuss)
