"""Coverage of spring constants whose every input is uncertain."""

import numpy as np

from asperity.instrument import spring_constant as sc
from asperity.instrument.calibration import calibrate
from asperity.instrument.calibration_methods import Lever, Surroundings
from asperity.instrument.hydrodynamics import Fluid
from asperity.instrument.spring_constant import Known
from asperity.instrument.thermal import HarmonicOscillator
from tests.instrument.test_spring_constant import spectrum_of
from tests.verify.verdict import Figure, judge


def test_the_stated_uncertainty_covers_the_truth():
    """Every input is wrong by its own standard uncertainty; both methods must know how wrong they are."""
    sizes = {"width": (30e-6, 0.03), "length": (150e-6, 0.02), "tilt": (0.2, 0.1),
             "temperature": (298.0, 0.01), "density": (1.18, 0.02), "viscosity": (1.85e-5, 0.02),
             "sensitivity": (60e-9, 0.05), "chi": (sc.CHI, 0.03)}
    true = {name: value for name, (value, _) in sizes.items()}
    k = sc.sader(60e3, 120.0, width=true["width"], length=true["length"], tilt=true["tilt"],
                 fluid=Fluid(true["density"], true["viscosity"]))
    mean_square = sc.equipartition(1.0, true["temperature"], true["sensitivity"]) / k
    z = []
    for seed in range(24):
        frequency, power = spectrum_of(HarmonicOscillator(), 60e3, 120.0, mean_square, 20, seed)
        rng = np.random.default_rng([1, seed])
        given = {name: Known(value * (1 + std * rng.normal()), value * std)
                 for name, (value, std) in sizes.items()}
        lever = Lever(given["width"], given["length"], given["tilt"], chi=given["chi"])
        found = calibrate(frequency, power, lever,
                          Surroundings(given["temperature"], given["density"], given["viscosity"]),
                          sensitivity=given["sensitivity"], band=(6e3, 2.4e5))
        assert [m.name for m in found.methods] == ["equipartition", "sader"]
        z.append([np.log(m.spring_constant.value / k) / (m.spring_constant.std / m.spring_constant.value)
                  for m in found.methods])
    z = np.array(z)
    figures = []
    for name, pull in zip(("equipartition", "sader"), z.T, strict=True):
        # 5 % of Sader's theory and 2 % of beta were not drawn
        figures += [Figure(f"{name}, mean pull", pull.mean(), -3 / np.sqrt(24), 3 / np.sqrt(24)),
                    Figure(f"{name}, spread of pulls", pull.std(ddof=1), 0.5, 1 + 3 / np.sqrt(46))]
    judge("Spring constants", figures)
