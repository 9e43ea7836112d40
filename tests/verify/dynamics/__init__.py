"""Studies of dynamics."""
