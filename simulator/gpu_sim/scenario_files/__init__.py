"""Scenario files: YAML into `core.scenario`, each problem with file, line and column."""
