"""What a world is to be: scenarios, market settings, acts, catalogues, recordings, fault rules."""
