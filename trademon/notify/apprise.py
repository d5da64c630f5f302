"""Discord, Slack, e-mail, ntfy, plain webhooks and the hundred others that apprise knows, each by a URL.

apprise is imported when the first message is sent (0.3 s), and runs in a thread, since it waits. It says no more than
whether it worked; what its log said meanwhile tells by whom it was refused. Its URLs are secrets: none is ever shown.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from typing import Any, Final

from trademon.errors import ConfigError
from trademon.notify.base import NotAllowed, Pace, Refused, SlowDown, Stumbled, Text, Unreachable, cut

DEADLINE_S = 60.0
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_EXACT: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "ntfy", "ntfys", "mailto", "mailtos"})
"""What takes a text as it is: nothing in it addresses anybody, or is markup."""
_MARKDOWN: Final = frozenset(
    {"discord", "guilded", "mmost", "mmosts", "rocket", "rockets", "zulip", "matrix", "matrixs"}
)
_MARKS: Final = re.compile(r"([\\*_~`|\[\]<>#])")
_ADDRESSING: Final = re.compile(r"([@<])(?=\S)")
_APART: Final = "\u200b"
_WAIT_S: Final = 30.0
_lock = threading.Lock()


class AppriseUrl:
    """One URL of TRADEMON_NOTIFY_URLS under a name."""

    def __init__(self, name: str, url: str, *, pace: Pace | None = None) -> None:
        self._name = name
        self._scheme, _, _ = url.partition("://")
        self._scheme = self._scheme.lower()
        self._url = url
        self._pace = pace or Pace()
        self._service: Any = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def goes_to(self) -> str:
        return f"{self._scheme}://…"

    def next_turn_s(self) -> float:
        """No more than one message a second, whatever the service allows."""
        return self._pace.take([(self._name, 1, 1.0)])

    async def send(self, text: Text, *, silent: bool) -> None:
        """Services have no common way to be silent: there, as everywhere, it is the user's to set.

        Raises as `base.Notifier.send` does.
        """
        try:
            async with asyncio.timeout(DEADLINE_S):
                worked, said = await asyncio.to_thread(self._send, text)
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        if not worked:
            raise _failure(said)

    def _send(self, text: Text) -> tuple[bool, str]:
        with _lock, _Log() as log:
            service = self._open()
            title, body = text.title, text.body or text.title
            if not text.body:
                title = ""
            limit, title_limit = service[0].body_maxlen, service[0].title_maxlen
            title, body = self._inert(title), self._inert(body)
            if not title_limit and title:  # it has no place for one
                title, body = "", f"{title}\n{body}"
            title = cut(title, title_limit) if title else title
            body = cut(body, max(limit - len(title) - 2, 100))
            return bool(service.notify(body=body, title=title, body_format="text")), log.text

    def _open(self) -> Any:
        if self._service is None:
            import apprise  # noqa: PLC0415

            service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="trademon", async_mode=False))
            if not service.add(self._url):
                raise ConfigError(
                    f"TRADEMON_NOTIFY_URLS: apprise cannot use the URL of {self._name}",
                    hint="https://github.com/caronc/apprise/wiki lists what it takes",
                )
            self._service = service
        return self._service

    def _inert(self, text: str) -> str:
        """The text such that this service shows it and obeys nothing in it."""
        if self._scheme in _EXACT:
            return text
        if self._scheme in _MARKDOWN:
            text = _MARKS.sub(r"\\\1", text)
        return _ADDRESSING.sub(rf"\1{_APART}", text)


class _Log(logging.Filter):
    """Takes what apprise says out of every log: it may hold parts of a URL."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._logger = logging.getLogger("apprise")

    def filter(self, record: logging.LogRecord) -> bool:
        self._lines.append(record.getMessage())
        return False

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def __enter__(self) -> _Log:
        self._logger.setLevel(logging.INFO)
        self._logger.addFilter(self)
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # it tells the paths it asks for
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeFilter(self)


def _failure(said: str) -> Exception:
    """What a refusal means, by the status that apprise's log names."""
    found = _STATUS.findall(said)
    status = int(found[-1]) if found else 0
    if status in (401, 403):
        return NotAllowed(f"refused us (HTTP {status})", hint="check its URL in TRADEMON_NOTIFY_URLS")
    if status in (404, 410):
        return NotAllowed(f"is not there (HTTP {status})", hint="check its URL in TRADEMON_NOTIFY_URLS")
    if status == 429:
        return SlowDown("asked us to wait", wait_s=_WAIT_S)
    if 400 <= status < 500 and status != 408:
        return Refused(f"refused the message (HTTP {status})")
    return Stumbled(f"failed (HTTP {status})") if status else Unreachable("not reached")
