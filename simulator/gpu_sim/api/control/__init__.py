"""The control plane, everything under `/_sim`: a file for each noun."""
