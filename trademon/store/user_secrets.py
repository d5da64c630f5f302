"""What a user's brokers sign in with: kept sealed, opened for the length of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trademon.core.model import Broker, Credentials
from trademon.errors import ConfigError, UnknownName
from trademon.store import secret_rows
from trademon.store.database import Sql, rerun
from trademon.store.key_file import WrongKey
from trademon.store.scope import UserScope

KEY_FIELDS: Final = ("api_key", "api_secret", "password")
"""What a person gives. Other fields of a broker are what it was given for them, such as tokens."""
_LOOKS: Final = 5


class UserSecrets(UserScope):
    """The part of a user's store that keeps secrets."""

    def secrets(self, broker: Broker) -> dict[str, str]:
        """Every secret of the broker, by field; empty where it has none, or is another user's.

        Raises:
            ConfigError: the key is missing, open to others, or not the one that sealed them.
        """
        try:
            for _ in range(_LOOKS):
                with self._database.read() as sql:
                    sealed = secret_rows.sealed_secrets(sql, self._user_id, broker.id)
                try:
                    return sealed.open(self._key_file)
                except WrongKey:
                    continue  # keys may have been rotated between the two looks
            return sealed.open(self._key_file)
        except ConfigError as error:
            error.hint = error.hint or f"give it again: trademon broker set {broker.name} --new-key"
            raise

    def has_secrets(self) -> bool:
        """Whether the user has any, so that a key is needed to open them."""
        with self._database.read() as sql:
            own = "broker_id IN (SELECT id FROM brokers WHERE user_id = ?)"
            return sql.one(f"SELECT 1 FROM secrets WHERE {own} LIMIT 1", self._user_id) is not None

    @rerun
    def save_secrets(self, broker: Broker, secrets: Mapping[str, str]) -> None:
        """Keep these fields, in one transaction; an empty text forgets its field. Fields not named stay as they are.

        Raises:
            UnknownName: the broker is not this user's, or it was removed meanwhile.
            ConfigError: as `secrets` does.
        """
        with self._database.write() as sql:
            query = "SELECT 1 FROM brokers WHERE id = ? AND user_id = ? AND removed_at IS NULL"
            if not sql.one(query, broker.id, self._user_id):
                raise UnknownName(f"{self.user} has no broker {broker.name!r}", hint="trademon broker list shows them")
            self._save_secrets(sql, broker.id, secrets)

    def credentials(self, broker: Broker) -> Credentials:
        """What a person gave. Raises ConfigError where that is nothing, or as `secrets` does."""
        given = {field: text for field, text in self.secrets(broker).items() if field in KEY_FIELDS}
        if not given:
            raise ConfigError(
                f"broker {broker.name} has no key",
                hint=f"trademon broker set {broker.name} --new-key, or with --api-key-env VAR --api-secret-env VAR",
            )
        return Credentials(**given)

    def _save_credentials(self, sql: Sql, broker_id: int, credentials: Credentials) -> None:
        """Instead of everything there was: what was given for another key is of no use any more."""
        sql.run("DELETE FROM secrets WHERE broker_id = ?", broker_id)
        self._save_secrets(sql, broker_id, {field: getattr(credentials, field) for field in KEY_FIELDS})

    def _save_secrets(self, sql: Sql, broker_id: int, secrets: Mapping[str, str]) -> None:
        """Within a transaction that has seen whose broker it is."""
        secret_rows.save_secrets(sql, self._key_file, self._user_id, broker_id, secrets, self._clock())
