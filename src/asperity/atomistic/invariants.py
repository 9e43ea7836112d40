r"""Numbers that no rotation of the laboratory frame changes, of vectors and symmetric tensors.

Of one symmetric tensor A, the principal invariants
$I_1 = \mathrm{tr} A$, $I_2 = \tfrac12(\mathrm{tr}^2 A - \mathrm{tr} A^2)$, $I_3 = \det A$, or its eigenvalues; of a
pair also $\mathrm{tr} AB$, $\mathrm{tr} A^2B$, $\mathrm{tr} AB^2$, $\mathrm{tr} A^2B^2$; of vectors $u \cdot v$; of a
tensor between vectors $u \cdot A v$, $u \cdot A^2 v$. Two symmetric tensors, or vectors with one tensor, have no others
under rotations and reflections. What knows a direction a by nature (a fiber, an
axis of a crystal) has it as one of the vectors: its invariants with A are those of the structural tensor
$a \otimes a$.

Source: Zheng, Appl. Mech. Rev. 47, 545 (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["eigenvalues", "features", "names", "principal"]

Tensor = Float[Array, "3 3"]


def principal(tensor: Tensor) -> Float[Array, " 3"]:
    """The three principal invariants of a tensor, in its unit, its square and its cube."""
    trace = jnp.trace(tensor)
    minors = (trace**2 - jnp.sum(tensor * tensor.T)) / 2
    return jnp.stack([trace, minors, jnp.dot(tensor[0], jnp.cross(tensor[1], tensor[2]))])


@jax.custom_jvp
def eigenvalues(tensor: Tensor) -> Float[Array, " 3"]:
    r"""The eigenvalues of a symmetric tensor, ascending, with finite derivatives where they coincide, too.

    $d\lambda_i = n_i \cdot dA\, n_i$. Where some coincide their eigenvectors are any of their plane, and only what
    treats them alike has a derivative: that of any symmetric function of the eigenvalues is right.
    """
    return jnp.linalg.eigvalsh(tensor)


@eigenvalues.defjvp
def _(primals: tuple[Tensor], tangents: tuple[Tensor]) -> tuple[Array, Array]:
    values, vectors = jnp.linalg.eigh(primals[0])
    change = (tangents[0] + tangents[0].T) / 2
    return values, jnp.einsum("ji,jk,ki->i", vectors, change, vectors)


def features(vectors: Float[Array, "vector 3"], tensors: Float[Array, "tensor 3 3"]) -> Float[Array, " feature"]:
    """All invariants of some vectors and symmetric tensors of one sample, in the order of `names`.

    For many samples use `jax.vmap`. A vector's and a tensor's units may be any; each feature has the product of them.
    """
    squares = tensors @ tensors
    made: list[Array] = [jnp.dot(vectors[i], vectors[j]) for i, j in _vectors(len(vectors))]
    for i in range(len(tensors)):
        made += list(principal(tensors[i]))
    for i, j in _pairs(len(tensors)):
        made += [jnp.sum(one * other) for one in (tensors[i], squares[i]) for other in (tensors[j], squares[j])]
    for i, j in _vectors(len(vectors)):
        made += [vectors[i] @ one @ vectors[j] for k in range(len(tensors)) for one in (tensors[k], squares[k])]
    return jnp.stack(made)


def names(vectors: Sequence[str], tensors: Sequence[str]) -> list[str]:
    """What each of the `features` of vectors and tensors of these names is."""
    made = [f"{vectors[i]}.{vectors[j]}" for i, j in _vectors(len(vectors))]
    for name in tensors:
        made += [f"tr {name}", f"I2 {name}", f"det {name}"]
    for i, j in _pairs(len(tensors)):
        made += [f"tr {one}{other}" for one in (tensors[i], f"{tensors[i]}2") for other in (tensors[j],
                                                                                            f"{tensors[j]}2")]
    for i, j in _vectors(len(vectors)):
        made += [f"{vectors[i]}.{one}{vectors[j]}" for name in tensors for one in (name, f"{name}2")]
    return made


def _vectors(count: int) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(range(count), 2))


def _pairs(count: int) -> list[tuple[int, int]]:
    return list(combinations(range(count), 2))
