"""asperity against other programs, on the same curves and files (`make bench`)."""
