"""The contract of the GPU rental API, and a suite that checks any server against it over HTTP."""
