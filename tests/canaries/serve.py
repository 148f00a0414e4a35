"""`gpu-sim serve` with one planted defect: `python -m tests.canaries.serve DEFECT [options of serve]`, or `--list`."""

import sys

from gpu_sim.cli.main import main

from .catalogue import CANARIES, Soil

if __name__ == "__main__":
    known = {bird.name: bird for bird in CANARIES}
    if sys.argv[1:2] == ["--list"]:
        for bird in CANARIES:
            print(f"{bird.name}: {bird.says}")
    else:
        known[sys.argv[1]].defect(Soil())
        main(["serve", *sys.argv[2:]], prog_name="gpu-sim")
