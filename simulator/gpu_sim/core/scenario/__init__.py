"""The conditions of a world: scenarios, market settings, acts, catalogues, recordings, fault rules."""
