"""Contact mechanics: the force of one tip on an elastic half-space against the indentation."""

from asperity.contact._elastic import AbstractElasticContact as AbstractElasticContact
from asperity.contact._model import AbstractContactModel as AbstractContactModel
from asperity.contact.dmt import DMT as DMT
from asperity.contact.hertz import Hertz as Hertz
from asperity.contact.jkr import JKR as JKR
