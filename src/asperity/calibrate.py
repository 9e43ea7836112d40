"""Calibrations: spring constant, sensitivity, scanner and tip, each from the data that tell it, with its error.

Every function returns a calibration (see `asperity.data.calibrations`): give it, or the file that it is stored in, to
`asperity.analyze` as ``calibration``. Its attribute ``findings`` says in sentences what to think of it.
"""

from asperity.measurements.calibration.cantilever import sensitivity, spring_constant
from asperity.measurements.calibration.scanner import scanner
from asperity.measurements.calibration.tip import tip

__all__ = ["scanner", "sensitivity", "spring_constant", "tip"]
