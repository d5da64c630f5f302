"""Rounds as Prometheus reads them from a text file (its exposition format)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trademon.core.automation_reports import UserAutomation

_HELP = {
    "trademon_round_last_timestamp_seconds": "When the last round began.",
    "trademon_round_last_success": "1 where the last round was a success, else 0.",
    "trademon_round_last_seconds": "How long the last round took.",
    "trademon_round_last_new_fills": "Executions that the last round found.",
    "trademon_round_last_failed_tasks": "Parts of the last round that failed.",
    "trademon_rounds_active": "1 where the user's rounds are on, else 0.",
}


def format_metrics(users: Sequence[UserAutomation]) -> str:
    """One line a user and figure; a user without a round has only whether rounds are on."""
    lines = []
    samples = [sample for user in users for sample in _samples(user)]
    for name, words in _HELP.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{user="{_escaped(user)}"}} {value}' for user, found, value in samples if found == name]
    return "\n".join(lines) + "\n"


def _samples(user: UserAutomation) -> Iterator[tuple[str, str, str]]:
    name, last = user.schedule.user, user.last
    yield name, "trademon_rounds_active", str(int(user.schedule.state == "active"))
    if last is None or last.finished_at is None:
        return
    yield name, "trademon_round_last_timestamp_seconds", str(int(last.started_at.timestamp()))
    yield name, "trademon_round_last_success", str(int(last.outcome == "success"))
    yield name, "trademon_round_last_seconds", f"{(last.finished_at - last.started_at).total_seconds():.3f}"
    yield name, "trademon_round_last_new_fills", str(sum(task.new_fills for task in last.tasks))
    yield name, "trademon_round_last_failed_tasks", str(sum(task.outcome == "failed" for task in last.tasks))


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
