"""Strategies: what one is written with (`protocol`), what it may do (`guard`), how its code is run (`runner`, `child`).

A strategy's file imports its words from here: `from trademon.strategies import Buy, Cancel, Context, Sell`.
"""

from trademon.strategies.protocol import BrokerView, Buy, Cancel, Coin, Context, FillView, Holding, OrderView, Sell

__all__ = ["BrokerView", "Buy", "Cancel", "Coin", "Context", "FillView", "Holding", "OrderView", "Sell"]
