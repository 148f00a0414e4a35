"""What everything in the core stands on: time, money, quantities, names, luck, the schedule, refusals."""
