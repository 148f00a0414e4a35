"""The request log: recording, redacting, matching and counting requests."""
