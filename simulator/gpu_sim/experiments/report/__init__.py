"""Pages about runs and sweeps: one HTML file each, which needs no other file."""
