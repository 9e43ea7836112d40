"""Kernels, one file each; they add and multiply."""

from asperity.learning.gp._kernel import (
    AbstractAmplitude,
    AbstractKernel,
    AbstractStationary,
    AbstractWarped,
    Product,
    Sum,
)
from asperity.learning.gp.kernels.beyond import Beyond
from asperity.learning.gp.kernels.constant import Constant
from asperity.learning.gp.kernels.contact_discrepancy import ContactDiscrepancy
from asperity.learning.gp.kernels.contact_term import ContactTerm
from asperity.learning.gp.kernels.envelope import Envelope
from asperity.learning.gp.kernels.interpolated import Interpolated
from asperity.learning.gp.kernels.linear import Linear
from asperity.learning.gp.kernels.log_separation import LogSeparation
from asperity.learning.gp.kernels.matern import Matern
from asperity.learning.gp.kernels.power_law import PowerLaw
from asperity.learning.gp.kernels.rational_quadratic import RationalQuadratic
from asperity.learning.gp.kernels.squared_exponential import SquaredExponential

__all__ = ["AbstractAmplitude", "AbstractKernel", "AbstractStationary", "AbstractWarped", "Beyond", "Constant",
           "ContactDiscrepancy", "ContactTerm", "Envelope", "Interpolated", "Linear", "LogSeparation", "Matern",
           "PowerLaw", "Product", "RationalQuadratic", "SquaredExponential", "Sum"]
