"""The table, one module per area."""
