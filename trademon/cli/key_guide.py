"""How a key that can only read is made at an exchange, in the words of its own pages."""

from __future__ import annotations

from typing import Final

_STEPS: Final = {
    "binance": "Account > API Management > Create API, system generated. Leave only 'Enable Reading' on.",
    "bitget": "API Keys > Create, Read-only, with a passphrase of its own. Tick spot, or futures for --market swap.",
    "saxo": "an app at developer.saxo: type PKCE, redirect URL http://localhost/trademon, no trading permissions.",
    "okx": "allow Read, nothing else.",
    "kraken": "allow Query funds, Query open orders & trades, Query closed orders & trades, nothing else.",
    "bybit": "allow Read-Only.",
    "kucoin": "allow General, nothing else.",
    "gate": "allow Spot, read-only.",
    "coinbase": "allow View, nothing else. Its secret has several lines: paste it as one, with \\n between them.",
}


def how_to_make_key(exchange: str) -> tuple[str, ...]:
    """Lines for a person who is about to be asked for one."""
    steps = _STEPS.get(exchange, "allow reading of balances, orders and trades, nothing else.")
    return (
        f"A key for {exchange} that can only read is all that is needed:",
        f"  make       {steps}",
        "  never      withdrawals (such a key is refused), transfers, trading",
        "  if you can limit it to this machine's address",
        "Nothing of what you type now is shown. It is sealed before it is stored.",
    )
