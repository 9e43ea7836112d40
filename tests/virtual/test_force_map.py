"""The virtual instrument obeys its own physics: force balance, instabilities, energy, noise, truth."""

import functools
import math
from typing import ClassVar, final

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy import integrate, optimize

from asperity.contact import DMT, JKR, AbstractContactModel, Hertz
from asperity.data.curves import validate
from asperity.learning.outcome import Outcome
from asperity.quantities import quantity
from asperity.virtual.force_map import FAULTS, Instrument, Noise, Specimen, virtual_map

RADIUS, MODULUS, ADHESION, POISSON = 5e-6, 1e4, 1e-4, 0.5
REDUCED = MODULUS / (1 - POISSON**2)
#: the scales of adhesion, for the exact results below
FORCE = math.pi * ADHESION * RADIUS
LENGTH = (math.pi**2 * ADHESION**2 * RADIUS / (4 / 3 * REDUCED) ** 2) ** (1 / 3)


def model_of(kind):
    with jax.enable_x64(True):
        given = {"radius": RADIUS, "modulus": MODULUS, "poisson_ratio": POISSON}
        return kind(**given) if kind is Hertz else kind(**given, work_of_adhesion=ADHESION)


@functools.cache
def one_curve(kind, samples=512, **settings):
    """A noise-free curve on a uniform specimen, for an instrument with these settings."""
    return virtual_map(rows=1, columns=1, samples=samples, model=model_of(kind), noise=Noise.silent(),
                       specimen=Specimen.uniform(), instrument=Instrument(**settings)).isel(curve=0)


def indentation(dataset):
    return dataset.true_contact_point - (dataset.height + dataset.deflection)


def depth(dataset):
    """u = c - z, the coordinate that the instrument drives."""
    return dataset.true_surface_height - dataset.height


@pytest.mark.parametrize("kind", [Hertz, DMT, JKR])
def test_every_sample_is_an_equilibrium_of_the_lever_and_the_model(kind, x64):
    dataset = virtual_map(rows=5, columns=4, samples=300, model=model_of(kind), noise=Noise.silent(), seed=3)
    truth = {name: dataset[f"true_{name}"].values for name in model_of(kind).fitted}
    delta = indentation(dataset).values
    contact = (dataset.force.values != 0) & ~np.isnan(delta)

    def force(values, deltas):
        return jax.vmap(kind(radius=RADIUS, poisson_ratio=POISSON, **values).force)(deltas)

    expected = jax.jit(jax.vmap(force))(truth, delta.reshape(20, -1)).reshape(delta.shape)
    error = np.where(contact, np.abs(dataset.force.values - expected), 0)
    assert error.max() < 1e-10 * Instrument().setpoint
    assert contact.sum(axis=2).min() > 30
    balance = dataset.spring_constant * dataset.deflection - dataset.force
    assert float(np.abs(balance).max()) < 1e-12 * Instrument().setpoint


@pytest.mark.parametrize("kind", [Hertz, DMT, JKR])
def test_a_free_tip_feels_no_force_and_has_not_reached_the_surface(kind):
    curve = one_curve(kind)
    approach = curve.isel(segment=0)
    free = (approach.force == 0).values
    assert free.sum() > 100
    assert (indentation(approach).values[free] <= 0).all()


def test_the_base_moves_evenly_and_the_approach_ends_at_the_setpoint():
    dataset = virtual_map(rows=4, columns=4, samples=200, noise=Noise.silent())
    assert len(np.unique(dataset.sample_count[:, 0])) > 3
    for curve in range(16):
        counts = dataset.sample_count[curve].values
        approach = dataset.isel(curve=curve, segment=0, sample=slice(0, counts[0]))
        retract = dataset.isel(curve=curve, segment=1, sample=slice(0, counts[1]))
        assert approach.force[-1] >= Instrument().setpoint > approach.force[-2]
        base = np.concatenate([approach.height, retract.height])
        steps = np.abs(np.diff(base))
        assert np.ptp(steps) < 1e-9 * steps[0]
        times = np.concatenate([approach.time, retract.time])
        assert np.allclose(np.diff(times), 1 / Instrument().sampling_rate, rtol=1e-9)
        assert np.isnan(dataset.force[curve, 0, counts[0]:]).all()


def jkr_instability(spring_constant):
    """(u, P) where du/dA = 0 on the JKR curve P = A^3 - sqrt(6) A^1.5, D = A^2 - 2/3 sqrt(6 A)."""
    def load(a):
        return a**3 - math.sqrt(6) * a**1.5

    def slope(a):
        dload = 3 * a**2 - 1.5 * math.sqrt(6 * a)
        return LENGTH * (2 * a - math.sqrt(6 / a) / 3) + FORCE / spring_constant * dload

    a = optimize.brentq(slope, 6 ** (-1 / 3), 1.5 ** (1 / 3) + 1e-9, xtol=1e-15)
    return LENGTH * (a**2 - 2 / 3 * math.sqrt(6 * a)) + FORCE * load(a) / spring_constant, load(a)


@pytest.mark.parametrize("stiffness", [0.02, 1.0, 30.0])
def test_jkr_pulls_off_where_the_lever_turns_unstable(stiffness):
    spring_constant = stiffness * FORCE / LENGTH
    curve = one_curve(JKR, samples=4000, spring_constant=spring_constant)
    retract = curve.isel(segment=1)
    last = int(np.flatnonzero(retract.force.values)[-1])
    unstable, load = jkr_instability(spring_constant)
    assert depth(retract)[last] >= unstable > depth(retract)[last + 1]
    assert (retract.force.values[last + 1:] == 0).all()
    # the lever's last load lies between the dead weight's -3/2 and the stiff lever's -5/6
    assert retract.force.values[last] / FORCE < load + 0.02
    assert float(retract.force.min()) / FORCE == pytest.approx(-1.5, rel=1e-3)
    assert float(curve.true_pull_off_force) / FORCE == pytest.approx(1.5, rel=1e-9)


def test_soft_levers_jump_at_the_load_minimum_and_stiff_ones_near_the_fold():
    ends = [jkr_instability(k * FORCE / LENGTH)[1] for k in (0.001, 1000)]
    assert ends == [pytest.approx(-1.5, abs=1e-3), pytest.approx(-5 / 6, abs=1e-2)]
    for stiffness, position in ((0.01, -0.436790), (100.0, -0.908560)):
        retract = one_curve(JKR, samples=3000, spring_constant=stiffness * FORCE / LENGTH).isel(segment=1)
        last = int(np.flatnonzero(retract.force.values)[-1])
        step = float(depth(retract)[last] - depth(retract)[last + 1])
        assert abs(indentation(retract)[last] / LENGTH - position) < 0.03 + math.sqrt(step / LENGTH)


def test_dmt_pulls_off_at_two_pi_w_r_when_the_contact_closes():
    retract = one_curve(DMT, samples=4000, spring_constant=0.03).isel(segment=1)
    last = int(np.flatnonzero(retract.force.values)[-1])
    unstable = -2 * FORCE / 0.03
    assert depth(retract)[last] >= unstable > depth(retract)[last + 1]
    assert float(retract.true_pull_off_force) == pytest.approx(2 * FORCE, rel=1e-12)


@pytest.mark.parametrize(("kind", "at_touch"), [(DMT, 2.0), (JKR, 4 / 3)])
def test_the_tip_snaps_in_when_it_touches(kind, at_touch):
    """It lands where the contact's force balances the lever whose base has stopped at u = 0."""
    approach = one_curve(kind, samples=4000, spring_constant=0.03).isel(segment=0)
    first = int(np.flatnonzero(approach.force.values)[0])
    assert depth(approach)[first] >= 0 > depth(approach)[first - 1]
    assert indentation(approach)[first] > 0.3 * LENGTH
    assert -at_touch * FORCE < approach.force[first] < 0


@final
class Bridge(AbstractContactModel):
    """A flat punch with a liquid bridge: it forms at a gap of 50 nm, breaks at 120 nm, pulls with 1 nN."""

    modulus: jax.Array = quantity("modulus", kw_only=True)

    fitted: ClassVar[tuple[str, ...]] = ("modulus",)
    fixed: ClassVar[tuple[str, ...]] = ()

    def jump_in_indentation(self):
        return jnp.asarray(-50e-9)

    def jump_off_indentation(self):
        return jnp.asarray(-120e-9)

    def force(self, indentation):
        repulsion = 2e-6 * self.modulus * jnp.maximum(indentation, 0.0)
        return jnp.where(indentation >= self.jump_off_indentation(), repulsion - 1e-9, 0.0)

    def basis(self, indentation, theta):
        raise NotImplementedError

    def with_amplitudes(self, c, theta):
        raise NotImplementedError

    def amplitudes_of(self):
        raise NotImplementedError


@pytest.mark.parametrize(("spring_constant", "landing"), [(0.2, -45e-9), (0.01, 50e-9 / 3)])
def test_attraction_before_contact_snaps_in_and_lets_go_at_its_own_gaps(spring_constant, landing):
    """At u = -50 nm the tip moves to k (u - delta) = F: to delta = -45 nm, or into the sample by 50/3 nm."""
    with jax.enable_x64(True):
        model = Bridge(modulus=1e4)
    instrument = Instrument(spring_constant=spring_constant, ramp=1e-6)
    curve = virtual_map(rows=1, columns=1, samples=4000, model=model, instrument=instrument,
                        noise=Noise.silent(), specimen=Specimen.uniform()).isel(curve=0)
    approach, retract = curve.isel(segment=0), curve.isel(segment=1)
    first = int(np.flatnonzero(approach.force.values)[0])
    last = int(np.flatnonzero(retract.force.values)[-1])
    step = 1e-6 / 3999
    assert depth(approach)[first] >= -50e-9 > depth(approach)[first - 1]
    assert float(indentation(approach)[first]) == pytest.approx(landing, abs=step)
    unstable = -120e-9 - 1e-9 / spring_constant
    assert depth(retract)[last] >= unstable > depth(retract)[last + 1]
    assert float(curve.true_pull_off_force) == pytest.approx(1e-9, rel=1e-12)


def test_without_adhesion_nothing_is_lost_and_with_it_the_exact_energy():
    def area(curve):
        """The integral of F over u, retract minus approach, on one fine grid."""
        u = depth(curve).values
        grid = np.linspace(np.nanmin(u[0]), np.nanmax(u[0]), 200_001)
        count = int(curve.sample_count[0])
        force = curve.force.values
        down = np.interp(grid, u[0][:count], force[0][:count])
        up = np.interp(grid, u[1][::-1], force[1][::-1])
        return integrate.trapezoid(down - up, grid)

    assert abs(area(one_curve(Hertz, samples=2000))) < 1e-5 * 4e-9 * 4e-7  # of force times indentation
    k = 0.05

    def force(delta):
        return 4 / 3 * REDUCED * math.sqrt(RADIUS) * delta**1.5 - 2 * FORCE

    landing = optimize.brentq(lambda delta: delta + force(delta) / k, 0, 1e-6, xtol=1e-20)
    expected = -(integrate.quad(force, 0, landing)[0] + (force(landing) ** 2 - force(0) ** 2) / (2 * k))
    assert expected > 0
    assert area(one_curve(DMT, samples=8000, spring_constant=k)) == pytest.approx(expected, rel=5e-3)


def test_scaling_all_forces_scales_nothing_else():
    """E, w, k and the setpoint times 8: the same positions, forces times 8, to rounding."""
    def scaled(factor):
        with jax.enable_x64(True):
            model = JKR(radius=RADIUS, modulus=factor * MODULUS, work_of_adhesion=factor * ADHESION)
        instrument = Instrument(spring_constant=0.05 * factor, setpoint=4e-9 * factor)
        return virtual_map(rows=2, columns=2, samples=100, model=model, instrument=instrument,
                           noise=Noise.silent())

    one, eight = scaled(1.0), scaled(8.0)
    np.testing.assert_allclose(eight.force, 8 * one.force, rtol=0, atol=8 * 4e-9 * 1e-11)
    np.testing.assert_allclose(eight.height, one.height, rtol=0, atol=1e-17)


def test_offset_and_tilt_are_the_declared_ones():
    """A tip that never touches records exactly the optical path: k (o + beta (z - c))."""
    noise = Noise(detector=0, drift=0, thermal=0, waviness=0, offset=2e-8, tilt=3e-3)
    dataset = virtual_map(rows=2, columns=2, samples=64, noise=noise,
                          instrument=Instrument(faults={"no_contact": 1.0}))
    above = dataset.height - dataset.true_surface_height
    line = dataset.true_baseline_offset + dataset.true_baseline_tilt * above
    np.testing.assert_allclose(dataset.force, line, rtol=0, atol=1e-20)
    assert np.abs(dataset.true_baseline_offset).min() > 0
    np.testing.assert_allclose(dataset.true_contact_point - dataset.true_surface_height,
                               dataset.true_baseline_offset / dataset.spring_constant, rtol=1e-9)


def test_same_seed_same_map_other_seed_other_map():
    first, again, other = (virtual_map(rows=2, columns=3, samples=32, seed=seed) for seed in (5, 5, 6))
    assert first.identical(again)
    assert not np.isclose(first.true_modulus, other.true_modulus).any()
    assert not np.isclose(first.force.isel(sample=0), other.force.isel(sample=0), rtol=1e-6, atol=0).any()


def test_a_curve_does_not_depend_on_the_size_of_the_map():
    small, large = (virtual_map(rows=n, columns=n, samples=64, specimen=Specimen.uniform()) for n in (2, 5))
    same = large.sel(curve=[0, 1, 5, 6])
    assert (same.row.values == small.row.values).all()
    np.testing.assert_allclose(same.force, small.force, rtol=0, atol=1e-20)
    assert not np.allclose(small.force[0], small.force[1], rtol=0, atol=1e-12, equal_nan=True)


def test_the_faults_are_what_their_labels_say():
    faults = {"no_contact": 0.2, "saturated": 0.2, "contact_out_of_range": 0.2}
    dataset = virtual_map(rows=15, columns=15, samples=200, noise=Noise(offset=0, tilt=0),
                          instrument=Instrument(faults=faults))
    outcome = dataset.true_outcome.values
    for fault in FAULTS:
        assert 25 <= (outcome == fault).sum() <= 65  # 45 expected, standard deviation 6
    first = indentation(dataset).values[:, 0, 0]
    peak = dataset.force.max(["segment", "sample"])
    at_peak = (dataset.force == peak).sum(["segment", "sample"]).values
    setpoint = Instrument().setpoint
    assert (peak.values[outcome == Outcome.no_contact] < 0.05 * setpoint).all()
    assert (peak.values[outcome == Outcome.saturated] < 0.85 * setpoint).all()
    assert (at_peak[outcome == Outcome.saturated] >= 8).all()
    assert (first[outcome == Outcome.contact_out_of_range] > 0).all()
    good = outcome == Outcome.converged
    assert (peak.values[good] > 0.97 * setpoint).all()
    assert (at_peak[good] == 1).all()
    assert (first[good] < 0).all()


def test_the_converter_rounds_to_its_step():
    step = 2e-10
    dataset = virtual_map(rows=1, columns=2, samples=64, noise=Noise(resolution=step))
    levels = dataset.deflection.values / step
    np.testing.assert_allclose(levels, np.round(levels), rtol=0, atol=1e-9)
    assert len(np.unique(levels)) > 20


def test_the_dataset_obeys_the_schema_and_survives_a_file(tmp_path):
    instrument = Instrument(faults={"saturated": 0.5})
    dataset = validate(virtual_map(rows=3, columns=4, samples=40, instrument=instrument))
    assert dataset.sizes == {"curve": 12, "segment": 2, "sample": 40}
    assert dataset.row.values[[0, 4, 11]].tolist() == [0, 1, 2]
    assert dataset.true_modulus.attrs["units"] == "Pa"
    assert dataset.attrs["instrument_setpoint"] == Instrument().setpoint
    dataset.to_netcdf(tmp_path / "virtual.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "virtual.nc", engine="h5netcdf") as stored:
        xr.testing.assert_equal(stored.load(), dataset)
        assert stored.attrs["model"] == "JKR"


def test_wrong_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="samples = 8: must be a whole number, from 16"):
        virtual_map(rows=1, columns=1, samples=8)
    with pytest.raises(ValueError, match="no_contact"):
        virtual_map(rows=1, columns=1, instrument=Instrument(faults={"lost": 0.1}))
    with pytest.raises(ValueError, match="at most 1"):
        virtual_map(rows=1, columns=1, instrument=Instrument(faults={"saturated": 0.7, "no_contact": 0.6}))
    with pytest.raises(ValueError, match="never reaches"):
        virtual_map(rows=1, columns=1, instrument=Instrument(setpoint=1e30))
