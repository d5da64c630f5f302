"""trademon: watches trading accounts, stores each execution exactly once, books profit and loss exactly."""

__version__ = "0.1.0"
