"""The demo exchange: its worlds, its two wire formats, its faults."""
