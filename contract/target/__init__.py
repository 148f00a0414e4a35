"""The server under test: requests and answers, its control plane, its API."""
