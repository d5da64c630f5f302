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


def test_what_is_not_read_is_a_usage_error_with_words(shell: Shell) -> None:
    """Futures of an exchange without an adapter, a wallet's key, a name that is none."""
    shell.run("broker", "add", "o", "--exchange", "okx", "--market", "swap").check(2).one_line("--market swap of okx")
    shell.run("broker", "add", "h", "--exchange", "hyperliquid").check(2).one_line("a key and a secret", "fills import")
    shell.run("broker", "add", "x", "--exchange", "krakn").check(2).one_line("did you mean 'kraken'")
