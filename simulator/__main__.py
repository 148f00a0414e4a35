"""`python -m simulator` is `gpu-sim`."""

from .cli import main

main(prog_name="gpu-sim")
