"""Evaluation: how good predictions are and how honest their uncertainty is; arrays in, numbers out."""
