"""The base of the core: time, money, quantities, names, luck, the schedule, refusals."""
