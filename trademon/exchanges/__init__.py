"""One adapter per exchange, behind one protocol."""
