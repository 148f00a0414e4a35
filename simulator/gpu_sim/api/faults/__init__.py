"""Faults at the API: asked for by header, decided by rules, carried out around a request."""
