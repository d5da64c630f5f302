"""Strategies to begin with: `dca`, `rebalance`, `exits`. Each is one file, to be used as it is or copied."""
