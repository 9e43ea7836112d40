"""What the models with one force scale and one displacement scale share: F = F_c P(delta / delta_c)."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx

from asperity.contact._model import AbstractContactModel, Scalar

__all__ = ["AbstractAdhesiveContact"]


class AbstractAdhesiveContact(AbstractContactModel):
    r"""A contact with adhesion, $F = F_c\,P(\delta/\delta_c)$: an amplitude in N times a pure number.

    The first shape parameter is $\ln(\delta_c/\mathrm{m})$. The stable branch ends by a jump.
    """

    modulus: eqx.AbstractVar[Scalar]
    work_of_adhesion: eqx.AbstractVar[Scalar]
    poisson_ratio: eqx.AbstractVar[Scalar]

    fitted: ClassVar[tuple[str, ...]] = ("modulus", "work_of_adhesion")
    shape_names: ClassVar[tuple[str, ...]] = ("log_displacement_scale",)

    @abstractmethod
    def pull_off_force(self) -> Scalar:
        """The largest attraction in N, a magnitude."""

    def force(self, indentation: Scalar) -> Scalar:
        """Force in N at one indentation in m on the stable branch; 0 beyond the jump-off."""
        (scale,), theta = self.amplitudes_of()
        return scale * self.basis(indentation, theta)[0]

    def jump_off_indentation(self) -> Scalar:
        """The (negative) indentation in m at which a stiff lever loses the tip."""
        return self.end_of_contact(self.amplitudes_of()[1])
