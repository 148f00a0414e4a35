"""The documents of the API and of the control plane as a page, and the names that their examples are filled with."""
