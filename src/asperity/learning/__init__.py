"""Learning: batched fits of physical models to data, with their uncertainty."""
