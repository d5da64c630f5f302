"""What a message says, in the user's language, from the facts that were queued.

Figures stay the exact texts they are, with a point, whatever the language: they are compared with those of other
screens. Names of an exchange, a file or a person are made harmless here; each channel then sends it all as plain text.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from trademon.core.execution_notices import average_price
from trademon.core.foreign import clean
from trademon.core.money import format_decimal, format_figure
from trademon.core.notices import Kind, Notice, zone_of
from trademon.core.times import parse_time
from trademon.notify.base import Text
from trademon.notify.language import words_of
from trademon.redaction import redact

_SHOWN_SYMBOLS: Final = 10
_SHOWN_ERRORS: Final = 20
_TIME_FORMATS: Final = {"fr": "%d/%m/%Y %H:%M"}
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a message is for: language, time zone, and whose it is where that must be said."""

    language: str = "en"
    zone: str | None = None
    whose: str | None = None

    @property
    def words(self) -> gettext.NullTranslations:
        return words_of(self.language)

    def time(self, text: str) -> str:
        """A time of the facts, with its zone."""
        at = parse_time(text).astimezone(zone_of(self.zone))
        return f"{at.strftime(_TIME_FORMATS.get(self.language, '%Y-%m-%d %H:%M'))} {self.zone or 'UTC'}"


def format_notice(notice: Notice, reader: Reader) -> Text:
    """The message in words."""
    text = _WRITERS[notice.kind](notice.payload, reader)
    return _signed(text, reader)


def format_test(reader: Reader, at: datetime) -> Text:
    """What `notify test` sends."""
    _ = reader.words.gettext
    return _signed(Text(_("trademon: a test"), _("Sent {at}.").format(at=reader.time(at.isoformat()))), reader)


def _signed(text: Text, reader: Reader) -> Text:
    """With whose it is, and without any secret that an error may have repeated."""
    title = f"[{clean(reader.whose)}] {text.title}" if reader.whose else text.title
    return Text(redact(title), redact(text.body))


def _lines(lines: Iterable[str | None]) -> str:
    return "\n".join(line for line in lines if line)


def _amount(text: str, currency: str, *, sign: bool = False) -> str:
    figure = format_figure(Decimal(text))
    plus = "+" if sign and not figure.startswith("-") and figure != "0" else ""
    return f"{plus}{figure} {clean(currency)}"


# --- executions ---------------------------------------------------------------------------------------------------


def _order(facts: Facts, reader: Reader) -> Text:
    _, several = reader.words.gettext, reader.words.ngettext
    title = _("{broker}: bought {quantity} {symbol} at {price}")
    if facts["side"] == "sell":
        title = _("{broker}: sold {quantity} {symbol} at {price}")
    named = title.format(
        broker=clean(facts["broker"]),
        quantity=format_decimal(Decimal(facts["quantity"])),
        symbol=clean(facts["symbol"]),
        price=format_figure(average_price(facts)),
    )
    count = facts["fills"]
    fees = ", ".join(_amount(amount, coin) for coin, amount in facts["fees"].items())
    unmatched = Decimal(facts["unmatched"])
    return Text(
        named,
        _lines(
            [
                None
                if facts["net"] is None
                else _("Realised: {net}").format(net=_amount(facts["net"], facts["currency"], sign=True)),
                _("{quantity} of it have no known cost and are in no figure").format(quantity=format_decimal(unmatched))
                if unmatched
                else None,
                _("A fee has no price yet and is in no figure") if facts["unvalued"] else None,
                _("Fee: {fees}").format(fees=fees) if fees else None,
                several("{count} execution, {at}", "{count} executions, {at}", count).format(
                    count=count, at=reader.time(facts["last_at"])
                ),
                _("A further part of an order already told") if facts.get("more") else None,
            ]
        ),
    )


def _executions(facts: Facts, reader: Reader) -> Text:
    _, several = reader.words.gettext, reader.words.ngettext
    count = facts["fills"]
    title = several("{broker}: {count} execution", "{broker}: {count} executions", count)
    if facts["earlier"]:
        title = several(
            "{broker}: {count} execution from before it was added",
            "{broker}: {count} executions from before it was added",
            count,
        )
    symbols = sorted(facts["symbols"].items(), key=lambda item: (item[0] == "", -item[1], item[0]))
    shown = symbols[:_SHOWN_SYMBOLS]
    rest = sum(number for _name, number in symbols[_SHOWN_SYMBOLS:])
    unmatched = ", ".join(clean(symbol) for symbol in facts["unmatched"])
    return Text(
        title.format(broker=clean(facts["broker"]), count=count),
        _lines(
            [
                *(f"{clean(symbol) or _('others')}: {number}" for symbol, number in shown),
                f"{_('others')}: {rest}" if rest else None,
                *(
                    _("Realised: {net}").format(net=_amount(net, currency, sign=True))
                    for currency, net in sorted(facts["net"].items())
                ),
                _("Sold without a known cost, in no figure: {symbols}").format(symbols=unmatched)
                if unmatched
                else None,
                _("A fee has no price yet and is in no figure") if facts["unvalued"] else None,
                _("From {first} to {last}").format(
                    first=reader.time(facts["first_at"]), last=reader.time(facts["last_at"])
                ),
            ]
        ),
    )


# --- after a round ------------------------------------------------------------------------------------------------


def _outcome(word: str, reader: Reader) -> str:
    _ = reader.words.gettext
    known = {
        "success": _("success"),
        "partial": _("partial"),
        "failed": _("failed"),
        "skipped": _("skipped"),
    }
    return known.get(word, clean(word))


def _seconds(text: str | None, reader: Reader) -> str:
    if text is None:
        return reader.words.gettext("cut off")
    return f"{Decimal(text).quantize(Decimal('0.1'))} s"


def _round_summary(facts: Facts, reader: Reader) -> Text:
    _ = reader.words.gettext
    title = _("Round: {outcome}, {seconds}").format(
        outcome=_outcome(facts["outcome"], reader), seconds=_seconds(facts["seconds"], reader)
    )
    lines = [
        *(_broker_line(one, reader) for one in facts["brokers"]),
        *(_task_line(one, reader) for one in facts["others"]),
        reader.time(facts["at"]),
    ]
    return Text(title, _lines(lines))


def _broker_line(one: Facts, reader: Reader) -> str:
    several = reader.words.ngettext
    new, held = one["new_fills"], one["positions"]
    parts = [
        several("{count} new trade", "{count} new trades", new).format(count=new),
        several("{count} position", "{count} positions", held).format(count=held),
    ]
    if one["outcome"] != "success":
        parts = [_outcome(one["outcome"], reader), *(parts[:1] if new else [])]
    return f"{clean(one['broker'])}: {', '.join(parts)}"


def _task_line(one: Facts, reader: Reader) -> str:
    parts = [_outcome(one["outcome"], reader), clean(one["detail"])]
    return f"{clean(one['name'])}: {', '.join(filter(None, parts))}"


def _round_answers(facts: Facts, reader: Reader) -> Text:
    _, several = reader.words.gettext, reader.words.ngettext
    lines = []
    for one in facts["tasks"]:
        count = one["requests"]
        asked = several("{count} request", "{count} requests", count).format(count=count)
        parts = [_outcome(one["outcome"], reader), asked, _seconds(one["seconds"], reader), clean(one["detail"])]
        lines.append(f"{clean(one['name'])}: {', '.join(filter(None, parts))}")
    return Text(_("What the brokers answered"), _lines([*lines, reader.time(facts["at"])]))


def _round_errors(facts: Facts, reader: Reader) -> Text:
    several = reader.words.ngettext
    errors = facts["errors"]
    left = len(errors) - _SHOWN_ERRORS
    return Text(
        several("Round: {count} error", "Round: {count} errors", len(errors)).format(count=len(errors)),
        _lines(
            [
                *map(clean, errors[:_SHOWN_ERRORS]),
                several("and {count} more", "and {count} more", left).format(count=left) if left > 0 else None,
                reader.time(facts["at"]),
            ]
        ),
    )


# --- alerts -------------------------------------------------------------------------------------------------------


def _failing(facts: Facts, reader: Reader) -> Text:
    several = reader.words.ngettext
    title = several(
        "{broker} failed {count} time in a row", "{broker} failed {count} times in a row", facts["times"]
    ).format(broker=clean(facts["broker"]), count=facts["times"])
    return Text(title, clean(facts["error"]))


def _works_again(facts: Facts, reader: Reader) -> Text:
    _ = reader.words.gettext
    return Text(
        _("{broker} works again").format(broker=clean(facts["broker"])),
        _("You were alerted {at}.").format(at=reader.time(facts["since"])),
    )


def _must_act(facts: Facts, reader: Reader) -> Text:
    _ = reader.words.gettext
    return Text(_("{broker} needs you").format(broker=clean(facts["broker"])), clean(facts["error"]))


def _session_lost(facts: Facts, reader: Reader) -> Text:
    _ = reader.words.gettext
    return Text(
        _("{broker}: sign in again").format(broker=clean(facts["broker"])),
        _lines([clean(facts["error"]), clean(facts["remedy"])]),
    )


def _withdraw_right(facts: Facts, reader: Reader) -> Text:
    _ = reader.words.gettext
    return Text(
        _("{broker}: its key can withdraw money").format(broker=clean(facts["broker"])),
        _("Take that right from the key at the exchange, or give trademon another key."),
    )


def _gap(facts: Facts, reader: Reader) -> Text:
    _, several = reader.words.gettext, reader.words.ngettext
    name = clean(facts["broker"])
    body = several(
        "{count} stretch was not read; the exchange forgets it from {at} on.",
        "{count} stretches were not read; the exchange forgets the first from {at} on.",
        facts["gaps"],
    ).format(count=facts["gaps"], at=reader.time(facts["lost_from"]))
    return Text(
        _("{broker}: history is about to be lost").format(broker=name), f"{body}\ntrademon scan --broker {name}"
    )


def _daily_loss(facts: Facts, reader: Reader) -> Text:
    _ = reader.words.gettext
    return Text(
        _("Daily loss limit reached: {net}").format(net=_amount(facts["net"], facts["currency"])),
        _("Realised on {day} (UTC) over all brokers; the limit is {limit}.").format(
            day=facts["day"], limit=_amount(facts["limit"], facts["currency"])
        ),
    )


_WRITERS: Final[Mapping[Kind, Callable[[Facts, Reader], Text]]] = {
    "order": _order,
    "executions": _executions,
    "round_summary": _round_summary,
    "round_answers": _round_answers,
    "round_errors": _round_errors,
    "failing": _failing,
    "works_again": _works_again,
    "must_act": _must_act,
    "session_lost": _session_lost,
    "withdraw_right": _withdraw_right,
    "gap": _gap,
    "daily_loss": _daily_loss,
}
