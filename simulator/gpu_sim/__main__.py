"""`python -m gpu_sim` is `gpu-sim`."""

from .cli.main import main

main(prog_name="gpu-sim")
