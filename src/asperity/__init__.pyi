from asperity import calibrate as calibrate
from asperity import correct as correct
from asperity.data.synthetic import virtual_map as virtual_map
from asperity.diagnosis import doctor as doctor
from asperity.imaging import read_image as read_image
from asperity.replaying import replay as replay
from asperity.rheometry import relax as relax
from asperity.rheometry import spectrum as spectrum
from asperity.workflow import analyze as analyze
from asperity.workflow import convert as convert
from asperity.workflow import fit as fit
from asperity.workflow import read as read
from asperity.workflow import score as score
from asperity.workflow import select as select

__version__: str
