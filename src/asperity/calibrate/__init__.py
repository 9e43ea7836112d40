"""Calibrations: spring constant, sensitivity, scanner and tip, each from the data that tell it, with its error.

Every function returns a calibration (see `asperity.calibration`): give it, or the file that it is stored in, to
`asperity.analyze` as ``calibration``. Its attribute ``findings`` says in sentences what to think of it.
"""

from asperity.calibrate._cantilever import sensitivity, spring_constant
from asperity.calibrate._scanner import scanner
from asperity.calibrate._tip import tip

__all__ = ["scanner", "sensitivity", "spring_constant", "tip"]
