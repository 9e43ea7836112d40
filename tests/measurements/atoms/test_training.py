"""The commands train and predict on a small file: outputs, resuming, another job, splits, weights and their damage."""

import json
from importlib import resources

import numpy as np
import pytest
import xarray as xr

from asperity.data.disk import StoreError
from asperity.data.readers._errors import ReadError
from asperity.measurements.atoms.training import train_potential
from asperity.measurements.atoms.training_claims import claims
from asperity.measurements.atoms.weights import read_potential, write_potential
from asperity.messages import ArgumentError, DataError
from tests.measurements.atoms.silicon_file import extxyz, some
from tests.test_cli import run

pytest.importorskip("ase")
pytest.importorskip("optax")
jax = pytest.importorskip("jax")

SMALL = ("--channels", "2", "--degree", "1", "--layers", "1", "--radial", "4", "--cutoff", "3A", "--epochs", "4")
NETWORK = {"channels": 2, "degree": 1, "layers": 1, "radial": 4, "cutoff": 3.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file, and an ensemble of two trained on it by the command."""
    place = tmp_path_factory.mktemp("trained")
    (place / "data.xyz").write_text(extxyz(some(12)))
    code, out, err = run("atoms", "train", place / "data.xyz", *SMALL, "--members", "2", "--out", place / "own.npz")
    assert code == 0, err
    (place / "said.txt").write_text(out)
    return place


def test_a_training_gives_weights_page_errors_and_a_dataset(folder):
    out = (folder / "said.txt").read_text()
    assert out.startswith("Mean errors on 3 configurations of new trajectories: energy ")
    assert "4 trajectories" in out
    assert "the spread of 2 members times" in out
    found = read_potential(folder / "own.npz")
    assert len(found.members) == 2
    assert found.about["training"]["epochs"] == 4
    assert found.about["calibration"]["factor"] > 0
    assert found.about["training"]["nearest"]["14-14"] < 2.4
    with xr.open_dataset(folder / "own.nc") as made:
        assert made.sizes["epoch"] == 4
        assert set(made["split"].values) == {"validation", "test"}
        known = {"slow", "fast", "hot", "cold"}
        groups = {name: {one.split(",")[0] for one in made["group"].values[made["split"].values == name]}
                  for name in ("validation", "test")}
        assert not groups["validation"] & groups["test"]
        assert groups["validation"] | groups["test"] < known
        assert json.loads(made.attrs["history"])[0]["verb"] == "train_potential"
        assert all(made[name].attrs.get("units") for name in made.data_vars)
    page = (folder / "own.html").read_text(encoding="utf-8")
    assert "Learning" in page
    assert "inside of 95" in page
    assert (folder / "own.csv").read_text().startswith("configurations,number,error_energy (eV)")
    assert not (folder / "own.npz.work").exists()


def test_stresses_of_the_other_sign_are_told(folder):
    """Whatever was learnt, energies and forces make stresses whose sign is theirs."""
    with xr.open_dataset(folder / "own.nc") as stored:
        made = stored.load()
    right, wrong = (made.assign(stress_reference=made["stress"] * factor) for factor in (0.9, -0.9))
    assert "train with --stress vasp" not in " ".join(claims(right))
    assert "The given stresses have the wrong sign" in claims(wrong)[1]


def test_predictions_with_intervals_flags_and_files(folder):
    import ase.io

    more = some(3, seed=1)
    near = more[1].positions.copy()
    near[1] = near[0] + [0.9, 0.9, 0.9]
    (folder / "asked.xyz").write_text(extxyz([more[0], more[1]._replace(positions=near)]) + (
        '1\nLattice="4 0 0 0 4 0 0 0 4" pbc="T T T"\nCu 0 0 0\n'))
    code, out, err = run("atoms", "predict", folder / "asked.xyz", "--potential", folder / "own.npz", "--out",
                         folder / "p.nc")
    assert code == 1, err
    assert out.startswith("3 configurations predicted; 2 flagged: ")
    assert "1 nearer, 1 unknown_species" in out
    assert "Mean errors against the file's own numbers" in out
    with xr.open_dataset(folder / "p.nc") as made:
        assert made["flag"].values.tolist() == [0, 2, 3]
        assert np.isnan(made["energy"].values).tolist() == [False, False, True]
        low, value, high = (made[f"force{end}"].values[:8] for end in ("_low", "", "_high"))
        assert ((low < value) & (value < high)).all()
    atoms = ase.io.read(folder / "p.xyz", index=0)
    np.testing.assert_allclose(atoms.get_forces(), value, atol=1e-6)
    np.testing.assert_allclose(atoms.arrays["REF_forces"], more[0].forces, atol=1e-6)
    assert len((folder / "p.csv").read_text().splitlines()) == 4


def test_stopped_and_asked_again_it_ends_with_the_same_weights(folder, tmp_path, monkeypatch):
    """Interrupted in the second member; every state is kept, here."""
    from asperity.measurements.atoms import checkpoints, training

    (tmp_path / "data.xyz").write_text((folder / "data.xyz").read_text())
    monkeypatch.setattr(checkpoints, "_EVERY", 0.0)
    usual = training._teller

    def fragile(*args):
        tell = usual(*args)

        def told(one):
            if args[1] == 1 and one.epoch == 2:
                raise KeyboardInterrupt
            tell(one)

        return told

    monkeypatch.setattr(training, "_teller", fragile)
    given = {"network": NETWORK, "epochs": 4, "members": 2, "weights": tmp_path / "own.npz",
             "progress": lambda done, total: None}
    with pytest.raises(KeyboardInterrupt) as stop:
        train_potential(tmp_path / "data.xyz", **given)
    assert "is kept in" in stop.value.__notes__[0]
    assert sorted(one.name for one in (tmp_path / "own.npz.work").iterdir()) == [
        "job.json", "member-000.npz", "member-001.npz"]
    monkeypatch.setattr(training, "_teller", usual)
    with pytest.raises(StoreError, match=r"holds the work of another training .*seed: 0 there, 5 now.*--restart"):
        train_potential(tmp_path / "data.xyz", **{**given, "seed": 5})
    (tmp_path / "other.xyz").write_text(extxyz(some(12, seed=3)))
    with pytest.raises(StoreError, match=r"another training .*training: "):
        train_potential(tmp_path / "other.xyz", **given)
    train_potential(tmp_path / "data.xyz", **given)
    one, other = (read_potential(place / "own.npz") for place in (folder, tmp_path))
    assert one.about["sha256"] == other.about["sha256"]


def test_one_trajectory_cannot_be_split_by_trajectory(tmp_path):
    (tmp_path / "data.xyz").write_text(extxyz(some(6, groups=("only",))))
    with pytest.raises(DataError, match="it has 1 trajectory, and validation and test need one each"):
        train_potential(tmp_path / "data.xyz", network=NETWORK, epochs=2, weights=tmp_path / "o.npz")


@pytest.mark.parametrize(("given", "said"), [
    ({"by": "sideways"}, "known: trajectory, random"), ({"network": {"depth": 3}}, "network has no depth"),
    ({"network": {"kind": "Perceptron"}}, "known: "), ({"network": {"cutoff": 50.0}}, "between 1 and 12 angstrom"),
    ({"network": {"kind": "DistanceGNN", "degree": 2}}, "DistanceGNN has no degree"),
    ({"weights": "weights.txt"}, "ends in .npz")])
def test_what_makes_no_sense_is_said(tmp_path, given, said, folder):
    with pytest.raises(ArgumentError, match=said):
        train_potential(folder / "data.xyz", **{"weights": tmp_path / "o.npz", "epochs": 2, **given})


@pytest.mark.parametrize("whole", [b"no weights", b"", b"PK\x03\x04", b"PK" + bytes(100)])
def test_what_is_no_file_of_weights_is_told(tmp_path, whole):
    (tmp_path / "w.npz").write_bytes(whole)
    with pytest.raises(ReadError, match=r"w\.npz: "):
        read_potential(tmp_path / "w.npz")


def test_damaged_weights_are_told_or_unharmed(folder, tmp_path):
    """A byte of the archive changed, or its end cut off, at many places: never other weights."""
    whole, told = (folder / "own.npz").read_bytes(), 0
    right = read_potential(folder / "own.npz").about["sha256"]
    for place in np.linspace(0, len(whole) - 1, 60).astype(int):
        for bad in (whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1:]):
            (tmp_path / "w.npz").write_bytes(bad)
            try:
                assert read_potential(tmp_path / "w.npz").about["sha256"] == right
            except ReadError:
                told += 1
    assert told > 90


def test_weights_come_back_as_they_were_and_others_are_refused(folder, tmp_path):
    found = read_potential(folder / "own.npz")
    again = read_potential(write_potential(tmp_path / "w.npz", found.members, {}))
    for one, other in zip(jax.tree.leaves(found.members), jax.tree.leaves(again.members)):
        np.testing.assert_array_equal(one, other)
    np.savez(tmp_path / "strange.npz", a=np.ones(3))
    with pytest.raises(ReadError, match="but not of a potential"):
        read_potential(tmp_path / "strange.npz")
    np.savez(tmp_path / "pickled.npz", header=np.array([{}], object), allow_pickle=True)
    with pytest.raises(ReadError, match="not a readable file of a potential"):
        read_potential(tmp_path / "pickled.npz")
    with np.load(folder / "own.npz") as stored:
        parts = {name: stored[name] for name in stored.files}
    for change, said in (({"format": "asperity potential 9"}, "of the format"), ({"network": "Other"}, "not known"),
                         ({"settings": {"channels": 10**9}}, "do not fit its header"), ({"sha256": "0"}, "not those")):
        header = json.dumps(json.loads(str(parts["header"])) | change)
        np.savez(tmp_path / "changed.npz", **(parts | {"header": np.array(header)}))
        with pytest.raises(ReadError, match=said):
            read_potential(tmp_path / "changed.npz")


def test_weights_that_are_computed_otherwise_are_refused(folder, tmp_path):
    """Another cutoff, scale or energy of the reference cluster: the same weights would be another potential."""
    with np.load(folder / "own.npz") as stored:
        parts = {name: stored[name] for name in stored.files}
    header = json.loads(str(parts["header"]))
    scales, energies = header["scales"], header["reference_energies"]
    assert np.isfinite(energies).all()
    assert len(energies) == header["members"]
    for change, error in (({"scales": scales | {"scale": scales["scale"] * 1.001}}, "another potential"),
                          ({"scales": scales | {"crowd": scales["crowd"] * 1.01}}, "another potential"),
                          ({"reference_energies": [one + 1e-4 for one in energies]}, "another potential"),
                          ({"reference_energies": energies[:-1]}, "another potential"),
                          ({"reference_energies": "none"}, "no numbers")):
        np.savez(tmp_path / "changed.npz", **(parts | {"header": np.array(json.dumps(header | change))}))
        with pytest.raises(ReadError, match=error):
            read_potential(tmp_path / "changed.npz")
    del header["reference_energies"]
    np.savez(tmp_path / "earlier.npz", **(parts | {"header": np.array(json.dumps(header))}))
    assert read_potential(tmp_path / "earlier.npz").members


def test_reference_energies_are_those_of_a_table_of_its_own(folder):
    """The energy of the cluster, by neighbors that are found pair by pair, of atoms in another order and turned."""
    from asperity.atomistic.neighbors import neighbors_within
    from asperity.measurements.atoms.reference_energy import cluster

    found = read_potential(folder / "own.npz")
    own, turn = cluster(found.members[0]), np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    places, cell, kinds = own.positions[::-1] @ turn, own.cell @ turn, own.kinds[::-1]
    with jax.enable_x64(True):
        for one, energy in zip(found.members, found.about["reference_energies"], strict=True):
            table = neighbors_within(one.cutoff, places, cell)
            assert abs(float(one.energy(places, cell, table, kinds)) - energy) < 1e-9


def test_the_potential_that_comes_with_asperity_has_its_reference_energies():
    found = read_potential(resources.files("asperity.measurements.atoms") / "silicon.npz")
    assert len(found.about["reference_energies"]) == 4
