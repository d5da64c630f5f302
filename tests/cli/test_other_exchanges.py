"""Accounts at exchanges without an adapter of their own, from the command line."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell

KEYS = ("--api-key-env", "K", "--api-secret-env", "S")
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFakeFakeFake+/==\n-----END EC PRIVATE KEY-----\n"


@pytest.mark.parametrize("secret", [PEM, PEM.replace("\n", "\\n"), "plain-secret-of-15"])
def test_a_secret_may_be_a_pem_of_several_lines(shell: Shell, secret: str) -> None:
    """As Coinbase gives it, with line breaks or with their signs; it is listed as any other, and never shown."""
    env = {"K": "organizations/x/apiKeys/y", "S": secret}
    done = shell.run("broker", "add", "cb", "--exchange", "coinbase", *KEYS, **env).check(0)
    (row,) = shell.run("broker", "list", "--json").check(0).json["data"]["brokers"]
    assert (row["exchange"], row["market"], row["has_key"]) == ("coinbase", "spot", True)
    assert "FakeFake" not in done.out + done.err


@pytest.mark.parametrize("secret", ["two words", "a\nb", "-----BEGIN X-----\nnot base64 !\n-----END X-----"])
def test_what_only_looks_like_one_is_refused(shell: Shell, secret: str) -> None:
    done = shell.run("broker", "add", "cb", "--exchange", "coinbase", *KEYS, K="k-k-k", S=secret)
    done.check(4).one_line("a character in it that no key has")


def test_a_passphrase_is_wanted_where_the_exchange_wants_one(shell: Shell) -> None:
    """OKX does, Kraken does not."""
    env = {"K": "key-of-some-one", "S": "secret-of-some-one", "P": "words-of-some-one"}
    shell.run("broker", "add", "o", "--exchange", "okx", *KEYS, **env).check(4).one_line("--api-password-env")
    shell.run("broker", "add", "o", "--exchange", "okx", *KEYS, "--api-password-env", "P", **env).check(0)
    shell.run("broker", "add", "k", "--exchange", "kraken", *KEYS, **env).check(0)


def test_a_removed_account_that_is_added_again_may_count_twice_and_that_is_said(shell: Shell) -> None:
    """Whether it is the same one nobody tells; the command that is named deletes what the removed one found."""
    env = {"K": "key-of-some-one", "S": "secret-of-some-one"}
    shell.run("broker", "add", "k", "--exchange", "kraken", *KEYS, **env).check(0)
    (shell.cwd / "t.csv").write_text(
        "executed_at,symbol,side,quantity,price,trade_id\n2026-05-01T10:00:00Z,BTC/USDT,buy,1,100,t1\n"
    )
    shell.run("fills", "import", "t.csv", "--broker", "k").check(0)
    shell.run("broker", "remove", "k", "--yes").check(0)
    done = shell.run("broker", "add", "k", "--exchange", "kraken", *KEYS, "--json", **env).check(0).json["data"]
    (warned,) = [line for line in done["warnings"] if "a second time" in line]
    assert "remove 'k (removed)' --with-fills" in warned
    gone = shell.run("broker", "remove", "k (removed)", "--with-fills", "--yes", "--json").check(0).json["data"]
    assert "1 fill deleted" in gone["message"]
    assert [b["name"] for b in shell.run("broker", "list", "--json").check(0).json["data"]["brokers"]] == ["k"]


def test_what_is_not_read_is_a_usage_error_with_words(shell: Shell) -> None:
    """Futures of an exchange without an adapter, a wallet's key, a name that is none."""
    shell.run("broker", "add", "o", "--exchange", "okx", "--market", "swap").check(2).one_line("--market swap of okx")
    shell.run("broker", "add", "h", "--exchange", "hyperliquid").check(2).one_line("a key and a secret", "fills import")
    shell.run("broker", "add", "x", "--exchange", "krakn").check(2).one_line("did you mean 'kraken'")
