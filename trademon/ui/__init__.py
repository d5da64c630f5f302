"""Reports to tables, lines and JSON."""
