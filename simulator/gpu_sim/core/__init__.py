"""The pure, synchronous and deterministic simulation: no I/O, no wall clock, no environment, no logging."""
