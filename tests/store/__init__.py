"""What is kept: on real SQLite files."""
