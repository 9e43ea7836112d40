"""The instrument: calibration, scanner, drift, tip, leveling and denoising, each with its forward model and its error."""
