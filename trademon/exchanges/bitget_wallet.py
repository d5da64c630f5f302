"""Deposits and withdrawals of a Bitget account, and what its key may do.

Source: the exchange's API documentation (spot, account: deposit records, withdrawal records). Facts that shape this
file: both times are required and 90 days apart at most; at most 100 rows, newest first; a withdrawal's `fee` is
negative, and its `size` is what left the account, fee included.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from trademon.core.model import KeyRights, Transfer, TransferKind
from trademon.core.money import EXACT, ZERO
from trademon.core.times import MILLISECOND
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.transfers import Record, State, optional_text
from trademon.exchanges.validate import Row

STEP = MILLISECOND
WINDOW = timedelta(days=90) - STEP
ENDPOINTS: dict[TransferKind, str] = {
    "deposit": "private_spot_get_v2_spot_wallet_deposit_records",
    "withdrawal": "private_spot_get_v2_spot_wallet_withdrawal_records",
}
# The documentation names pending, fail and success; ccxt has met the others.
_STATES: dict[str, State] = {
    "success": "done",
    "pending": "pending",
    "pending_review": "pending",
    "fail": "ended",
    "reject": "ended",
    "pending_review_fail": "ended",
}


_WITHDRAWS = "wwow"


def parse_rights(info: Row) -> KeyRights:
    """The rights in an account's info. `authorities` are codes that end in `r` where they read and in `w` where they
    write; those of the wallet begin with `w`, of which `wwow` withdraws. `ips` is what the key is limited to.

    A code that is not known counts as a right to trade where it writes: rather one warning too many.
    """
    codes = _texts(info.get("authorities"), "authorities")
    limits = _texts(info.get("ips"), "ips")
    return KeyRights(
        can_trade=None if codes is None else any(c.endswith("w") and not c.startswith("w") for c in codes),
        can_withdraw=None if codes is None else _WITHDRAWS in codes,
        is_address_limited=None if limits is None else bool(limits),
    )


def _texts(value: object, name: str) -> list[str] | None:
    """A list of texts, or one text of several; None where it is left out."""
    if value is None:
        return None
    found = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadAnswer(f"Bitget: field {name} is no list of texts")
    return [one.strip().lower() for one in found if one.strip()]


def parse_record(row: Row, kind: TransferKind) -> Record:
    """A row of either history. A deposit counts from when it was credited, a withdrawal from when it was asked for:
    then the coins left the balance."""
    status = str(row.get("status"))
    state = _STATES.get(status.lower())
    if state is None:
        raise BadAnswer(f"Bitget: unknown status of a transfer: {validate.one_line(status, 20)!r}")
    created = validate.time_ms(row, "cTime")
    changed = validate.time_ms(row, "uTime") if row.get("uTime") else created
    record_id = validate.identifier(row, "orderId")
    transfer = None
    if state == "done":
        is_inside = str(row.get("dest")).startswith(("internal", "inner"))  # between two accounts of Bitget
        fee = _withdrawal_fee(row, is_inside) if kind == "withdrawal" else ZERO
        transfer = Transfer(
            transfer_id=record_id,
            kind=kind,
            coin=validate.text(row, "coin"),
            amount=_net(row, fee),
            fee=fee,
            at=changed if kind == "deposit" else created,
            tx_id="" if is_inside else optional_text(row, "tradeId"),
            network="" if is_inside else optional_text(row, "chain"),
            raw=validate.raw_text(row),
        )
    return Record(record_id, created, max(created, changed), state == "pending", transfer)


def _withdrawal_fee(row: Row, is_inside: bool) -> Decimal:
    """A cost whatever its sign. Only a transfer within Bitget may do without."""
    if is_inside and row.get("fee") in (None, ""):
        return ZERO
    return abs(validate.decimal(row, "fee"))


def _net(row: Row, fee: Decimal) -> Decimal:
    """What was sent: the fee comes out of `size`."""
    amount = EXACT.subtract(validate.positive(row, "size"), fee)
    if amount <= 0:
        raise BadAnswer("Bitget: a withdrawal that is no more than its fee")
    return amount
