"""A client of a running server's control plane."""
