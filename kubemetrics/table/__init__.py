"""Columns, rendering, units, expressions and machine formats of any table."""
