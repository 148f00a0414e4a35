"""The control plane, all under `/_sim`: one file per noun."""
