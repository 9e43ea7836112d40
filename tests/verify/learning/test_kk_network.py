"""What causality in the loss is worth on known truths, and what bands of networks hold.

The full comparison, 20 data sets of each kind, is ``python -m benchmarks.kk_networks``.
"""

import numpy as np
import pytest
from benchmarks import kk_networks as protocol

from asperity.learning.kk_network import train_kk_networks
from asperity.learning.kk_training import Plan
from asperity.learning.network_bands import bands, replicates
from tests.learning.test_kk_network import OMEGA
from tests.verify.verdict import Figure, judge


def scores(data, predicted):
    """Medians of the measures over the data sets, %."""
    return dict(zip(protocol.MEASURES, np.nanmedian(protocol.judged(predicted, data.truths), axis=0)))


def test_what_the_wrong_sign_would_do():
    data = protocol.data_sets("solid", 4)
    right = scores(data, protocol.kk_networks(data, "log", Plan(steps=1500)))
    with protocol.sign_of_optics():
        wrong = scores(data, protocol.kk_networks(data, "log", Plan(steps=1500)))
    judge("The sign of optics", [Figure("its error in the band over the right one's", wrong["in"] / right["in"], 5)])


@pytest.fixture(scope="module")
def solids():
    return protocol.data_sets("solid", 8)


@pytest.fixture(scope="module")
def plain(solids):
    return scores(solids, protocol.kk_networks(solids, "log", Plan(), causality=0.0))


def test_causality_halves_the_errors_of_solids(solids, plain):
    """Half of what 20 data sets show (1.8, 4, 3.6 and 21): 8 data sets, medians."""
    one, ten = (scores(solids, protocol.kk_networks(solids, "log", Plan(), causality=w)) for w in (1.0, 10.0))
    judge("Causality: errors without over errors with it", [
        Figure("in the band, weight 1", plain["in"] / one["in"], 1.3),
        Figure("beyond the band, weight 1", plain["ex"] / one["ex"], 2),
        Figure("passive distance in the band, weight 1", plain["P in"] / one["P in"], 2),
        Figure("passive distance in the band, weight 10", plain["P in"] / ten["P in"], 10)])


def test_the_spectrum_network_is_passive_and_accurate(solids, plain):
    found = scores(solids, protocol.spectrum_networks(solids, Plan()))
    judge("Networks of spectra", [
        # it has all nodes of the nearest spectrum, which only adds rounding errors
        Figure("passive distance, %", found["P all"], 0.0, 1e-3),
        Figure("error in the band over the plain network's", found["in"] / plain["in"], 0.0, 0.7),
        Figure("error beyond over the plain network's", found["ex"] / plain["ex"], 0.0, 0.5)])


def test_the_form_must_suit_the_material():
    data = protocol.data_sets("power law", 8)
    right, wrong = (scores(data, protocol.kk_networks(data, "log", Plan(steps=2000), form=form))
                    for form in ("lncoth", "plateau"))
    judge("The form of the relations on power laws", [
        Figure("error beyond the band, ln coth over plateau", right["ex"] / wrong["ex"], 0.0, 1.0)])


def test_dissipation_and_monotony_at_low_loss():
    """The share of E'' < 0 falls, and so does what E' loses on its way up; the rest is the softness of a penalty."""
    data = protocol.data_sets("low loss", 8)
    free, held = (protocol.kk_networks(data, "signed", Plan(), causality=0.0, dissipation=d, monotone=m)
                  for d, m in ((0.0, 0.0), (10.0, 100.0)))
    judge("Dissipation and monotony at low loss, with over without", [
        Figure("share of E'' < 0", np.mean(held.imag < 0) / np.mean(free.imag < 0), 0.0, 0.6),
        Figure("what E' loses on its way up", fallen(held) / fallen(free), 0.0, 0.1)])


def fallen(predicted):
    return -np.minimum(np.diff(predicted.real), 0).sum()


def test_bands_of_networks_hold_the_truth_within_the_measured_frequencies(solids):
    """About 32 independent numbers: a share of 0.9 has a standard error of 0.053."""
    omega, inside = protocol.frequencies()
    drawn, noise = replicates(solids.modulus, solids.noise, members=4)
    trained = train_kk_networks(OMEGA, drawn, noise, plan=Plan(steps=1000, seed=np.arange(4)))
    band = bands(trained.networks, omega)
    truth = np.array([one(omega) for one in solids.truths])
    figures = []
    for name, part in (("E'", np.real), ("E''", np.imag)):
        held = (part(band.lower) <= part(truth)) & (part(truth) <= part(band.upper))
        figures.append(Figure(f"{name}, 90 %", held[:, inside].mean(), 0.74))
    judge("Bands of networks", figures)
