"""What a file of configurations says, with its units and signs; what does not fit is refused with the remedy."""

import re

import numpy as np
import pytest

from asperity.data.readers._errors import ReadError
from asperity.measurements.atoms.configurations import read_configurations
from asperity.messages import ArgumentError
from tests.measurements.atoms.silicon_file import GPA, extxyz, some

pytest.importorskip("ase")


def strained(count=8):
    """One cell under small strains: its energies tell the size of its stress."""
    from tests.atomistic.crystals import DIAMOND, cubic
    from tests.learning.potentials.pair_network import by_images

    base = some(1)[0]
    positions, cell = cubic(DIAMOND, 5.1)
    found = []
    for i in range(count):
        turn = np.eye(3) + 0.008 * (i - count / 2) * np.array([[1, 0.5, 0], [0.5, -0.3, 0.2], [0, 0.2, 0.4]])
        energy, forces, stress = by_images(positions @ turn, cell @ turn)
        found.append(base._replace(positions=positions @ turn, cell=cell @ turn, energy=energy, forces=forces,
                                   stress=stress, group="strained"))
    return found


def read(tmp_path, text, keys=None, **how):
    (tmp_path / "data.xyz").write_text(text)
    return read_configurations(tmp_path / "data.xyz", keys, **how)


@pytest.mark.parametrize(("names", "factor", "order", "keys"), [
    (("energy", "forces", "REF_stress"), 1.0, (0, 1, 2, 3, 4, 5), None),
    (("energy", "forces", "stress"), 1.0, None, None),
    (("REF_energy", "REF_forces", "REF_stress"), 1.0, None, None),
    (("dft_energy", "forces", "REF_stress"), GPA, (0, 1, 2, 3, 4, 5), {"unit": "GPa"}),
    (("energy", "forces", "stress"), 10 * GPA, None, {"unit": "kbar"}),
    (("energy", "forces", "virial_stress"), -10 * GPA, (0, 1, 2, 5, 3, 4), {"stress": "virial_stress", "unit": "vasp"}),
    (("E", "F", "S"), 1.0, (0, 1, 2, 3, 4, 5), {"energy": "E", "forces": "F", "stress": "S"})])
def test_all_ways_to_write_it_mean_the_same(tmp_path, names, factor, order, keys):
    """The order of VASP is xx yy zz xy yz zx."""
    known = strained(5)
    found = read(tmp_path, extxyz(known, names=names, factor=factor, order=order), keys)
    for one, own in zip(known, found.configurations, strict=True):
        np.testing.assert_allclose(own.stress, one.stress, atol=1e-9)
        np.testing.assert_allclose(own.forces, one.forces, atol=1e-9)
        np.testing.assert_allclose(own.energy, one.energy, atol=1e-9)
    assert names[0] in found.record["energy"]


def test_a_virial_is_minus_the_volume_times_the_stress(tmp_path):
    known = strained(5)
    virial = [one._replace(stress=-one.stress * abs(np.linalg.det(one.cell))) for one in known]
    found = read(tmp_path, extxyz(virial, names=("energy", "forces", "virial"), order=None))
    np.testing.assert_allclose(found.configurations[2].stress, known[2].stress, atol=1e-9)
    assert "-V stress" in found.remarks[0]


@pytest.mark.parametrize(("factor", "said"), [
    (GPA, r"about 1\d\d times too large .* It looks like GPa: say --stress GPa"),
    (10 * GPA, "It looks like kbar"), (-10 * GPA, "It looks like vasp: say --stress vasp"),
    (-1.0, "its sign is that of a pressure")])
def test_a_stress_that_its_energies_do_not_tell_is_refused(tmp_path, factor, said):
    with pytest.raises(ReadError, match=said):
        read(tmp_path, extxyz(strained(), factor=factor))


def test_trajectories_are_told_by_what_counts_them(tmp_path):
    found = read(tmp_path, extxyz(some(8)))
    assert len({one.group for one in found.configurations}) == 4
    assert found.configurations[0].group == found.configurations[4].group
    assert "4 trajectories" in found.remarks[0]
    keyed = read(tmp_path, extxyz(some(8), extra=['run="7"']), {"group": "run"})
    assert {one.group for one in keyed.configurations} == {"7"}


@pytest.mark.parametrize(("change", "said"), [
    (lambda text: text.replace("energy=", "enthalpy="), "have no energy.* Name it: --energy-key"),
    (lambda text: text.replace("energy=", "energy=nan energy_was=", 1), "configuration 1: its 'energy' holds numbers"),
    (lambda text: text.replace("Si ", "Qq ", 1), "configuration 1: not a readable extxyz file"),
    (lambda text: text.rsplit("\n", 3)[0], "configuration 4: not a readable extxyz file"),
    (lambda text: text.replace("stress=", "virial_stress="), "whose unit and sign nobody says.*--stress vasp"),
    (lambda text: text.replace("stress=", "stress_bad="), "no stress is read"),
    (lambda text: text.replace('stress="', 'stress="1 2 3 4 5 6" was="'), "it may have 6: rename it")])
def test_what_is_wrong_is_said_with_its_place(tmp_path, change, said):
    text = change(extxyz(some(4)))
    if said.startswith("no stress"):
        assert any(said in one for one in read(tmp_path, text).remarks)
        return
    with pytest.raises(ReadError, match=said):
        read(tmp_path, text)


def test_forces_that_are_no_number_are_named(tmp_path):
    lines = extxyz(some(3)).splitlines()
    lines[15] = lines[15].rsplit(" ", 1)[0] + " nan"
    with pytest.raises(ReadError, match="configuration 2: its 'forces' holds numbers that are not finite"):
        read(tmp_path, "\n".join(lines) + "\n")


def test_a_unit_that_there_is_not(tmp_path):
    with pytest.raises(ArgumentError, match="known: eV/A"):
        read(tmp_path, extxyz(some(2)), {"unit": "bar"})


def moved(count=24, factor=1.0, energy=1.0, stress=1.0):
    """Configurations that ASE's own calculator (copper, effective medium) tells; none says what it belongs to."""
    from ase.build import bulk
    from ase.calculators.emt import EMT

    rng, base = np.random.default_rng(5), some(1)[0]
    found = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell @ (np.eye(3) + 0.015 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += 0.04 * rng.normal(size=(4, 3))
        atoms.calc = EMT()
        found.append(base._replace(
            positions=atoms.positions, cell=atoms.cell.array, energy=energy * atoms.get_potential_energy(),
            forces=factor * atoms.get_forces(), stress=stress * atoms.get_stress(), group="copper",
            kinds=atoms.numbers))
    return found


@pytest.mark.parametrize(("change", "said"), [
    ({"factor": -1.0}, "their sign is that of gradients"), ({"factor": 0.529177}, "look like eV/bohr"),
    ({"factor": 23.06055}, r"look like kcal/\(mol A\)"), ({"factor": 1e3}, "look like meV/A"),
    ({"energy": 1 / 27.2114, "stress": 1 / 27.2114}, r"forces do not fit .* about 2[5-9](\.\d)? times too large"),
    ({"stress": -1.0}, "its sign is that of a pressure")])
def test_forces_that_are_no_derivatives_of_the_energies_are_refused(tmp_path, change, said):
    with pytest.raises(ReadError, match=said):
        read(tmp_path, extxyz(moved(**change)))


def test_derivatives_are_told_to_fit_or_not_to_be_checked(tmp_path):
    """Trapezoids of ASE's own forces and stresses: the ratios are 1."""
    (said,) = read(tmp_path, extxyz(moved())).remarks[1:]
    numbers = re.findall(r"(forces|stress) (\d\.\d+) ± (\d\.\d+)", said)
    assert [name for name, _, _ in numbers] == ["forces", "stress"]
    for _, value, std in numbers:
        assert abs(float(value) - 1) < 0.15  # what anharmonic terms leave
        assert float(std) < 0.1
    assert "taken as read" in read(tmp_path, extxyz(moved(2))).remarks[-1]
