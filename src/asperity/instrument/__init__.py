"""The instrument: calibration, scanner, drift, tip, leveling and denoising: forward models and their inverses."""
