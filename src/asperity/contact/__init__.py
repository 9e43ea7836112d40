"""Contact mechanics: the force of one tip on an elastic half-space or layer against the indentation.

`MODELS` maps the name of every model to its class: those exported here, and those that other packages
register in the entry-point group ``asperity.contact``.
"""

from asperity import _lazy
from asperity.contact._elastic import AbstractElasticContact as AbstractElasticContact
from asperity.contact._model import AbstractContactModel as AbstractContactModel
from asperity.contact._registry import registered
from asperity.contact.cone import Cone as Cone
from asperity.contact.dmt import DMT as DMT
from asperity.contact.flat_punch import FlatPunch as FlatPunch
from asperity.contact.hertz import Hertz as Hertz
from asperity.contact.jkr import JKR as JKR
from asperity.contact.jkr_cone import JKRCone as JKRCone
from asperity.contact.jkr_sphere import JKRSphere as JKRSphere
from asperity.contact.layered import ConeBondedLayer as ConeBondedLayer
from asperity.contact.layered import ConeUnbondedLayer as ConeUnbondedLayer
from asperity.contact.layered import HertzBondedLayer as HertzBondedLayer
from asperity.contact.layered import HertzUnbondedLayer as HertzUnbondedLayer
from asperity.contact.lennard_jones_contact import LennardJonesContact as LennardJonesContact
from asperity.contact.maugis_dugdale import MaugisDugdale as MaugisDugdale
from asperity.contact.pyramid import Pyramid3 as Pyramid3
from asperity.contact.pyramid import Pyramid4 as Pyramid4
from asperity.contact.sphere import Sphere as Sphere
from asperity.messages import ArgumentError

__getattr__, __dir__ = _lazy(__name__, __path__)

#: name -> class of every contact model
MODELS: dict[str, type[AbstractContactModel]] = registered(dict(globals()))


def model_named(name: str) -> type[AbstractContactModel]:
    """The contact model of that name (``"hertz"``, ``"jkr_sphere"``, ...).

    Raises:
        ValueError: no such model; the message lists the names.
    """
    if name not in MODELS:
        raise ArgumentError(f"there is no contact model {name!r}; known: {', '.join(sorted(MODELS))}")
    return MODELS[name]
