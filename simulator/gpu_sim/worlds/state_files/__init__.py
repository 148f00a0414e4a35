"""State files: what is written of a world before it happens, and how its run is found again."""
