"""The report: what a fit found, in words and pictures, in one file that needs nothing else."""
