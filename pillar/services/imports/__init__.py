"""Customers from a spreadsheet: read the file, tidy each row, write in chunks (6.7)."""
