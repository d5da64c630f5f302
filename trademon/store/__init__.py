"""What is kept: the only door is Store."""
