"""Experiments: renters with policies live through a scenario's market, once or over many settings and seeds."""
