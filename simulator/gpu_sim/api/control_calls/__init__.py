"""The calls of the control plane as a table, which routes and their document are made from."""
