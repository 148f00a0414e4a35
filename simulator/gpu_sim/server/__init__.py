"""The process that serves: start and stop, the pacemaker of clocks, lines of the log."""
