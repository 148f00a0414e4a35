"""Markets run headless under many seeds, and what is measured of them."""
