"""How well calibrations are known: usually, and where they are done best; relative standard uncertainties."""

__all__ = ["BEST", "USUAL"]

USUAL = {"spring_constant": 0.10, "sensitivity": 0.03, "radius": 0.10, "thickness": 0.05}
#: that a good laboratory reaches
BEST = {"spring_constant": 0.02, "sensitivity": 0.01, "radius": 0.03, "thickness": 0.02}
