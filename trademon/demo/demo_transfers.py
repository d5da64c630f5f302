"""What came in and left in the history of `--demo`: among it coins that move from one account to the other."""

from datetime import datetime, timedelta
from decimal import Decimal

from trademon.demo.ids import transfer_id
from trademon.demo.model import Transfer, TransferKind, to_ms

_BETWEEN = "9d41c6f0b7e25a83d10f7c4e6b92a5387e0c1d4f8a63b95270e4d8c1f6a3b297"
_FROM_OUTSIDE = "5b0e8d27a1c94f36e7d20b5a8c613f94d7e1a0b6c2f8493d5e7a6b1c0f924d83"
_AT_BITGET = "bc1qdemo0bitget0deposit0address000000000000"


def binance_transfers(started_at: datetime) -> tuple[Transfer, ...]:
    """A deposit from outside, and bitcoin sent on to the account at Bitget."""
    came, left = started_at - timedelta(hours=41), started_at - timedelta(hours=20)
    return (
        _transfer("deposit", "USDT", "2500", came, 3, "TRX", "TDemoBinanceDepositAddress00000000", _FROM_OUTSIDE),
        _transfer("withdrawal", "BTC", "0.04", left, 24, "BTC", _AT_BITGET, _BETWEEN, fee="0.00002"),
    )


def bitget_transfers(started_at: datetime) -> tuple[Transfer, ...]:
    """The bitcoin from Binance: seen ten minutes after it was sent, credited when three blocks are on top of it."""
    seen = started_at - timedelta(hours=20) + timedelta(minutes=10)
    return (_transfer("deposit", "BTC", "0.04", seen, 29, "BTC", _AT_BITGET, _BETWEEN),)


def _transfer(
    kind: TransferKind,
    coin: str,
    amount: str,
    at: datetime,
    minutes: int,
    network: str,
    address: str,
    tx_id: str,
    *,
    fee: str = "0",
) -> Transfer:
    return Transfer(
        id=transfer_id(to_ms(at), 0),
        kind=kind,
        coin=coin,
        amount=Decimal(amount),
        fee=Decimal(fee),
        created_at=at,
        completed_at=at + timedelta(minutes=minutes),
        tx_id=tx_id,
        network=network,
        address=address,
    )
