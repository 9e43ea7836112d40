"""Viscoelasticity: models, spectra, and the relations that causality puts on them."""
