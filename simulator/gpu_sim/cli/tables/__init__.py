"""The tables that commands print, and the documents for programs in their place."""
