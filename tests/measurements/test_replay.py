"""Replay of true histories, verb by verb, and of forged ones, which can do nothing."""

import json
import typing
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import calibrate, correct
from asperity.contact.named import contact_model
from asperity.data import arguments, provenance, store
from asperity.measurements.force_curves.read import convert
from asperity.measurements.force_curves.recipe import from_recipe
from asperity.measurements.images.read import read_image
from asperity.measurements.replay import VERBS, differences, replay
from asperity.measurements.rheometry.hold import holds
from asperity.measurements.rheometry.material import median_spectrum, relax, spectrum
from asperity.measurements.rheometry.modulation import modulus_spectrum
from asperity.measurements.rheometry.power_law import power_law
from asperity.virtual.force_map import virtual_map
from tests import simple_fit

MODEL = {"name": "hertz", "radius": 5e-6}
