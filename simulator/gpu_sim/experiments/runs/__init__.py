"""A run: renters live through a scenario in virtual time, and what came of it in facts, metrics and expectations."""
