"""The judgement of runs: the names that metrics are asked for by, and the expectations that do not hold."""
