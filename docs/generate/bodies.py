"""docs/reference/json.md: what each command writes with --json, from the code that writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, get_args

from docs.generate.commands import commands, is_group_alone
from docs.generate.markdown import MADE, first_sentence, prose, table
from docs.generate.samples import VARIANTS, core_names, hints_of, sample
from docs.generate.shapes import Shape, draw, shape_of
from trademon import errors
from trademon.cli.common import Stopped
from trademon.core.watch_reports import WatchEvent
from trademon.ui.json_out import to_json
from trademon.ui.watch_json import watch_event_to_json

DONE: Final = "Done"
# What each command reports, where that is more than that it is done.
REPORTS: Final[dict[str, str]] = {
    "scan": "ScanReport",
    "sync": "ScanReport",
    "pnl": "PnlReport",
    "pnl explain": "ExplainReport",
    "pnl compare": "CompareReport",
    "pnl what-if": "WhatIfReport",
    "fills": "FillsReport",
    "fills import": "ImportReport",
    "lots": "LotsReport",
    "positions": "PositionsReport",
    "balances": "BalancesReport",
    "orders": "OrdersReport",
    "transfers": "TransfersReport",
    "coverage": "CoverageReport",
    "automation status": "AutomationStatus",
    "automation logs": "RoundsReport",
    "automation run": "RunReport",
    "verify": "VerifyReport",
    "doctor": "DoctorReport",
    "prices": "PricesReport",
    "prices list": "PricesReport",
    "prices fetch": "PriceFetchReport",
    "cash": "CashReport",
    "cash import": "CashImportReport",
    "strategy": "StrategiesReport",
    "strategy list": "StrategiesReport",
    "strategy show": "StrategyReport",
    "strategy run": "StrategyRunsReport",
    "strategy log": "StrategyLogReport",
    "halt": "HaltReport",
    "rebuild": "RebuildReport",
    "db status": "DbStatus",
    "paths": "PathsReport",
    "config show": "ConfigReport",
    "broker list": "BrokersReport",
    "broker test": "BrokerTest",
    "broker login": "LoginReport",
    "broker refresh": "RefreshReport",
    "key rotate": "KeysRotated",
    "key status": "KeyStatus",
    "notify send": "SendReport",
    "notify test": "SendReport",
    "notify outbox": "OutboxReport",
    "notify list": "NotifyReport",
    "user list": "UsersReport",
}
_NOTES: Final[dict[str, str]] = {
    "PnlReport": "`gross` is price difference alone, `fees` are those of what was closed (its share of the buying fee, "
    "and the selling fee), `net` = `gross` - `fees`. `open_cost` includes the fees carried. `unmatched_quantity` was "
    "sold without a known cost and is in no figure. `totals` are by currency: different currencies are never added up. "
    "`period` with `--by day`, `month` or `year`.",
    "FillsReport": "Oldest first. `fee` is a cost when positive and a rebate when negative; `trade_id` and `order_id` "
    "are the exchange's own. Without `--limit` all of them.",
    "ScanReport": "`skipped`: another run holds the broker, or its host asked us to wait.",
    "CoverageReport": "A range is proved read; a gap is not, and `lost_from` says until when the exchange still tells "
    "it.",
    "DoctorReport": "`act`: a person must do something, and the command ends with 4.",
}


def shape_of_report(name: str) -> Shape:
    """The shape of `data` for a report of that class."""
    kind = core_names()[name]
    return shape_of([to_json(sample(kind, variant)) for variant in range(VARIANTS)])


def json_commands() -> Iterable[str]:
    """Every command that writes a document with --json."""
    return (" ".join(path) for path, command in commands() if not is_group_alone(command) and path != ("watch",))


def bodies_page() -> str:
    parts = [_HEAD, _kinds(), "## Bodies"]
    for name in dict.fromkeys(REPORTS.values()):
        told = [f"`{command}`" for command, report in REPORTS.items() if report == name]
        parts.append(_body(", ".join(told), shape_of_report(name), _NOTES.get(name)))
    rest = ", ".join(f"`{command}`" for command in json_commands() if command not in REPORTS)
    parts += ["### What only does something", f"{rest}:", _drawn(shape_of_report(DONE)), _watch()]
    return "\n\n".join(parts) + "\n"


def _body(commands: str, shape: Shape, note: str | None) -> str:
    return "\n\n".join(part for part in (f"### {commands}", note, _drawn(shape)) if part)


def _drawn(shape: Shape) -> str:
    return "```text\n" + "\n".join(draw(shape)) + "\n```"


def _watch() -> str:
    """The events of watch, each from the code that writes it."""
    parts = ["## Lines of `watch --json`", "One object a line, until it ends."]
    for event in get_args(hints_of(WatchEvent)["event"]):
        made = [replace(sample(WatchEvent, variant), event=event) for variant in range(VARIANTS)]
        parts += [f"### event {event}", _drawn(shape_of([watch_event_to_json(one) for one in made]))]
    return "\n\n".join(parts)


def _kinds() -> str:
    """The kinds of errors there are, from the classes; the first of a kind tells it."""
    found = {"fault": ("1", "none of the others, or a fault of trademon itself")}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.TrademonError):
            found.setdefault(kind.kind, (str(kind.exit_code), prose(first_sentence(kind.__doc__ or ""))))
    found[Stopped.kind] = ("130, 143", prose(first_sentence(Stopped.__doc__ or "")))
    rows = ((f"`{kind}`", code, text) for kind, (code, text) in sorted(found.items()))
    return "## Kinds of errors\n\n" + table(("kind", "exit code", "says"), rows)


_HEAD: Final = f"""{MADE}

# JSON

With `--json` a command writes one document to standard output, also when there is nothing, and when it failed:

```json
{{
  "schema": 1,
  "command": "scan",
  "status": "success",
  "data": {{}},
  "errors": [
    {{"broker": "main", "kind": "auth", "message": "what happened", "hint": "what mends it"}}
  ]
}}
```

`status` is `success`, `partial` or `failed`; an error's `broker` and `hint` may be null. Below, *decimal* is an exact
number as text, *time* ISO 8601 in UTC with a `Z`; `[]` behind a name says that it is a list. Keys may be added in later
releases; none is renamed or goes away within one `schema`."""
