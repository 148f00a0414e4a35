"""The request log: recording, redacting, matching and counting API requests."""
