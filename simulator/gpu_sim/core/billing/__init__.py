"""Accounts, holds, charges and the ledger."""
