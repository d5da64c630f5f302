"""The store as a whole, paths and settings as JSON."""

from __future__ import annotations

from typing import Any

from trademon.core.db_reports import ConfigReport, DbStatus, PathsReport
from trademon.core.times import format_time

Json = dict[str, Any]


def status_to_json(report: DbStatus) -> Json:
    return {
        "place": report.place,
        "schema": report.schema,
        "size_bytes": report.size_bytes,
        "users": report.users,
        "brokers": report.brokers,
        "fills": report.fills,
        "faults": list(report.faults),
        "copies": [
            {"path": copy.path, "size_bytes": copy.size_bytes, "made_at": format_time(copy.made_at)}
            for copy in report.copies
        ],
    }


def paths_to_json(report: PathsReport) -> Json:
    """`{"paths": {"store": ..., "key_file": ...}}`."""
    return {"paths": {name.replace(" ", "_"): path for name, path in report.paths}}


def config_to_json(report: ConfigReport) -> Json:
    return {"settings": [{"name": s.name, "value": s.value, "source": s.source} for s in report.settings]}
