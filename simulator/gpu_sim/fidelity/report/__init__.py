"""The verdict on a market's likeness: targets, tables, plots and the page."""
