"""The reference model: a second, independent account of the rules, and the state machine that compares the two."""
