"""What was registered leaves in no spelling, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trademon import redaction
from trademon.errors import ConfigError
from trademon.redaction import MASK, Known, RedactedFormatter, RedactedStream, redact, redact_data, register

KEY = "aKey0123456789ofAnExchange"
ODD = 'o\'dd "key" with/+%&=<\\ and é'
WORD = "hunter22"


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": quote,
    "all of it in a URL": lambda s: quote(s, safe=""),
    "in a form": quote_plus,
    "in a query": lambda s: urlencode({"key": s, "x": "1"}),
    "in a URL by others": lambda s: re.sub("%..", lambda code: code[0].lower(), quote(s, safe="")),
    "in JSON": json.dumps,
    "in JSON, not only ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "in JSON of PHP": lambda s: json.dumps(s).replace("/", "\\/"),
    "in a representation": repr,
    "in HTML": html.escape,
    "in base64": lambda s: base64.b64encode(s.encode()).decode(),
    "in base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "in base64 without its end": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "in base64 in a URL": lambda s: quote(base64.b64encode(s.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("secret", [KEY, ODD, WORD, "x" * 6, "🔑" * 6, "12345678901234567890"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_secret_leaves(secret: str, spelling: str) -> None:
    """Where it stood there is a mask, and what stood around it is as it was."""
    register(secret)
    spelt = SPELLINGS[spelling](secret)
    shown = redact(f"before {spelt} after")
    assert spelt not in shown
    assert secret not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert MASK in shown


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("after", ["", ":", ":s", "=== more"])
def test_base64_of_more_than_the_secret_does_not_give_it_away(before: str, after: str) -> None:
    """As in a header of name and password: whatever can be told from the rest is a byte at either end."""
    register(KEY)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = redact(encode(f"{before}{KEY}{after}".encode()).decode())
        assert MASK in shown
        rest = shown.replace(MASK, "").rstrip("=")
        assert len(rest) <= (len(before) + len(after)) * 4 / 3 + 4


@given(st.text(min_size=6, max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_secret_in_any_text_is_masked(secret: str, before: str, after: str) -> None:
    """Whatever it is made of; short ones as words of their own."""
    known = Known()
    known.add(secret)
    shown = known.mask(f"{before} {secret} {after}")
    # What is left may spell it once more only where the text around it did.
    assert secret not in shown or len(secret) < 15 or secret in f"{before} {MASK} {after}"


@given(st.lists(st.text("abcdef0123456789", min_size=15, max_size=40), min_size=40, max_size=60), st.data())
def test_many_secrets_are_found_at_any_place(many: list[str], data: st.DataObject) -> None:
    """Also where so many are known that only the text's blocks are looked up."""
    known = Known()
    for secret in many:
        known.add(secret)
    secret = data.draw(st.sampled_from(many))
    place = data.draw(st.integers(0, 40))
    assert secret not in known.mask("-" * place + secret + "-" * 5)


def test_what_is_no_secret_stays_as_it_is() -> None:
    """Also near misses of one."""
    register(KEY)
    for text in ("", KEY[:-1], KEY[1:], KEY.upper(), "an ordinary line with 0.00123 BTC"):
        assert redact(text) == text


def test_a_short_secret_does_not_turn_output_to_asterisks() -> None:
    """Below 6 characters it is not looked for; below 15 only as a word: a passphrase of digits spares order numbers."""
    register("btc", "12345", "", "60000000")
    assert redact("btc 12345: order 9160000000123, 60000000") == "btc 12345: order 9160000000123, ***"


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    """One may hold the other."""
    register(KEY, f"{KEY}-and-more-of-it")
    assert redact(f"{KEY}-and-more-of-it, {KEY}") == "***, ***"


def test_parsed_json_is_masked_in_its_texts_and_stays_json() -> None:
    """In keys, in values, behind escapes, at any depth; numbers and everything else are as they were."""
    register(KEY, ODD)
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    for text in (json.dumps({"msg": [f"bad {KEY}", {ODD: 1}], "n": 1.5}), f'{{"msg": ["{escaped}"]}}'):
        shown = json.dumps(redact_data(text, json.loads(text)), ensure_ascii=False)
        assert KEY not in shown
        assert ODD not in shown
        assert MASK in shown
    data = json.loads('{"a": ["b", 1, null, true]}')
    assert redact_data('{"a": ["b", 1, null, true]}', data) is data


def test_the_newest_secrets_are_known_when_there_were_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of weeks is given thousands of tokens; what is used again counts as new."""
    monkeypatch.setattr(redaction, "_MOST", 50)
    register(KEY)
    tokens = [secrets.token_urlsafe(30) for _ in range(200)]
    for token in tokens:
        register(token, KEY)
    assert redact(" ".join([KEY, *tokens[-20:]])) == " ".join([MASK] * 21)
    assert redact(tokens[0]) == tokens[0]


def test_three_thousand_secrets_cost_about_what_one_does() -> None:
    """A megabyte takes a fraction of a second: an alternation of twenty thousand spellings would take minutes."""
    register(*(secrets.token_urlsafe(40) for _ in range(3000)))
    text = "2026-11-26T06:51:27.123456Z,BTC/USDT,buy,0.00307000,67726.82,0.2079213374,USDT,123456789012\n" * 11_000
    started = time.process_time()
    assert redact(text) == text
    assert time.process_time() - started < 2


# --- ways out -----------------------------------------------------------------------------------------------------


def test_a_stream_lets_no_secret_through_and_is_a_stream_otherwise() -> None:
    """Whatever is written at once; it tells lengths and everything else as the stream behind it does."""
    register(KEY)
    inner = io.StringIO()
    stream = RedactedStream(inner)
    assert stream.write(f"key {KEY}\n") == len(KEY) + 5
    stream.writelines(["a ", KEY, "\n"])
    print("printed", KEY, file=stream)
    stream.flush()
    assert inner.getvalue() == "key ***\na ***\nprinted ***\n"
    assert stream.isatty() is False


def test_a_log_record_and_its_traceback_hold_no_secret() -> None:
    """In the message, its arguments, and the error."""
    register(KEY)
    try:
        raise ValueError(f"signed with {KEY}")
    except ValueError:
        import sys

        record = logging.LogRecord("x", logging.DEBUG, __file__, 1, "sent %s", ({"key": KEY},), sys.exc_info())
    text = RedactedFormatter("%(message)s").format(record)
    assert KEY not in text
    assert "ValueError: signed with ***" in text


def test_an_error_holds_no_secret() -> None:
    """Neither its message, nor its hint, nor what a traceback prints of it."""
    register(KEY)
    error = ConfigError(f"no {KEY}", hint=f"give {KEY}")
    assert KEY not in f"{error} {error!r} {error.line} {error.message} {error.hint}"
