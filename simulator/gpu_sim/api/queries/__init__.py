"""Query strings of the control plane: a struct for each call, from which its parameters are decoded and described."""
