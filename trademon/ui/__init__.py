"""Reports to tables, lines, JSON, CSV, and the dashboard."""
