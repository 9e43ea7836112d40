"""Data: the force-curve schema, file readers, the store, provenance and the virtual instrument."""
