"""Injected faults on their way through a request: asked for, decided, carried out."""
