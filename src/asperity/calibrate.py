"""Measurements of the instrument: spring constant, sensitivity, scanner, tip, each a calibration with its error."""
