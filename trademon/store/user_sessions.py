"""A user's sign-ins: the tokens sealed as the key is, what is known of them beside.

A token that renews is good once. So a renewal is noted before it is asked for, and its pair is saved in one transaction
with the note's end, only where it follows the pair it was asked for with.
"""

from __future__ import annotations

from datetime import datetime

from trademon.core.model import Broker
from trademon.core.sessions import Session, SessionState, StartedLogin, TokenPair
from trademon.core.times import from_us, to_us
from trademon.errors import UnknownName
from trademon.store.database import Sql, rerun
from trademon.store.outbox import note_acted, tell_session_lost
from trademon.store.scope import optional_time
from trademon.store.user_secrets import UserSecrets

_ACCESS, _REFRESH, _VERIFIER = "access_token", "refresh_token", "code_verifier"
_STARTED_STATE, _STARTED_VERIFIER = "login_state", "login_verifier"
_STATE = """SELECT generation, signed_in_at, renewed_at, access_until, refresh_until, redirect, asked_at, lost_at,
    lost_why FROM sessions WHERE broker_id = ? AND signed_in_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM secrets WHERE broker_id = sessions.broker_id AND field = 'access_token')
    AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?)"""


class UserSessions(UserSecrets):
    """The part of a user's store that keeps sign-ins."""

    def session_state(self, broker: Broker) -> SessionState | None:
        """What is known of the broker's sign-in; None where nobody signed in since its key was given."""
        with self._database.read() as sql:
            row = sql.one(_STATE, broker.id, self._user_id)
        if row is None:
            return None
        return SessionState(
            generation=row[0],
            signed_in_at=from_us(row[1]),
            renewed_at=from_us(row[2]),
            access_until=from_us(row[3]),
            refresh_until=optional_time(row[4]),
            redirect=row[5],
            asked_at=optional_time(row[6]),
            lost_at=optional_time(row[7]),
            lost_why=row[8],
        )

    def session(self, broker: Broker) -> Session | None:
        """The same with its tokens. Raises ConfigError as `secrets` does."""
        with self.one_moment():
            state, kept = self.session_state(broker), self.secrets(broker)
        if state is None:
            return None
        pair = TokenPair(kept[_ACCESS], kept.get(_REFRESH, ""), state.access_until, state.refresh_until)
        return Session(state, pair, kept.get(_VERIFIER, ""))

    @rerun
    def save_started_login(self, broker: Broker, started: StartedLogin, at: datetime) -> None:
        """Keep a sign-in that a person was sent to, so that another run can end it. The session there is stays."""
        with self._database.write() as sql:
            self._check_owns(sql, broker)
            self._save_secrets(sql, broker.id, {_STARTED_STATE: started.state, _STARTED_VERIFIER: started.verifier})
            sql.run(
                """INSERT INTO sessions (broker_id, generation, redirect, started_at, started_redirect)
                VALUES (?, 0, '', ?, ?) ON CONFLICT (broker_id) DO UPDATE
                SET started_at = excluded.started_at, started_redirect = excluded.started_redirect""",
                broker.id,
                to_us(at),
                started.redirect,
            )

    def started_login(self, broker: Broker) -> tuple[StartedLogin, datetime] | None:
        """The sign-in that a person was sent to last, and when; None where it was ended. Its address is not kept."""
        with self._database.read() as sql:
            row = sql.one(
                """SELECT started_redirect, started_at FROM sessions WHERE broker_id = ? AND started_at IS NOT NULL
                AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?)""",
                broker.id,
                self._user_id,
            )
        kept = {} if row is None else self.secrets(broker)
        if row is None or _STARTED_STATE not in kept or _STARTED_VERIFIER not in kept:
            return None
        return StartedLogin("", row[0], kept[_STARTED_STATE], kept[_STARTED_VERIFIER]), from_us(row[1])

    @rerun
    def save_sign_in(self, broker: Broker, pair: TokenPair, at: datetime, *, verifier: str, redirect: str) -> None:
        """A person signed in: this pair takes the place of whatever there was."""
        with self._database.write() as sql:
            self._check_owns(sql, broker)
            ended = {_STARTED_STATE: "", _STARTED_VERIFIER: ""}
            self._save_secrets(sql, broker.id, self._tokens(pair) | {_VERIFIER: verifier} | ended)
            sql.run(
                """INSERT INTO sessions (broker_id, generation, redirect, signed_in_at, renewed_at, access_until,
                refresh_until) VALUES (?, 1, ?, ?, ?, ?, ?) ON CONFLICT (broker_id) DO UPDATE
                SET generation = sessions.generation + 1, redirect = excluded.redirect,
                signed_in_at = excluded.signed_in_at, renewed_at = excluded.renewed_at,
                access_until = excluded.access_until, refresh_until = excluded.refresh_until, asked_at = NULL,
                lost_at = NULL, lost_why = NULL, started_at = NULL, started_redirect = NULL""",
                broker.id,
                redirect,
                to_us(at),
                to_us(at),
                to_us(pair.access_until),
                None if pair.refresh_until is None else to_us(pair.refresh_until),
            )
            note_acted(sql, self._user_id, broker.id, at)

    @rerun
    def note_renewal(self, broker: Broker, generation: int, at: datetime) -> bool:
        """Note that a new pair is about to be asked for; False where that pair is not the one there is any more, or
        the session is lost."""
        with self._database.write() as sql:
            self._check_owns(sql, broker)
            changed = sql.run(
                "UPDATE sessions SET asked_at = ? WHERE broker_id = ? AND generation = ? AND lost_at IS NULL",
                to_us(at),
                broker.id,
                generation,
            )
        return bool(changed)

    @rerun
    def forget_renewal(self, broker: Broker, generation: int) -> None:
        """It was not asked for after all: the login server did not see it, or said that it did nothing."""
        with self._database.write() as sql:
            self._check_owns(sql, broker)
            sql.run("UPDATE sessions SET asked_at = NULL WHERE broker_id = ? AND generation = ?", broker.id, generation)

    @rerun
    def save_renewal(self, broker: Broker, generation: int, pair: TokenPair, at: datetime) -> bool:
        """Keep the pair that the pair `generation` was given away for; False where a person signed in meanwhile.

        A session that another run took for lost in the meantime is found again: only one of two can have got a pair.
        """
        with self._database.write() as sql:
            self._check_owns(sql, broker)
            changed = sql.run(
                """UPDATE sessions SET generation = generation + 1, renewed_at = ?, access_until = ?,
                refresh_until = ?, asked_at = NULL, lost_at = NULL, lost_why = NULL
                WHERE broker_id = ? AND generation = ?""",
                to_us(at),
                to_us(pair.access_until),
                None if pair.refresh_until is None else to_us(pair.refresh_until),
                broker.id,
                generation,
            )
            if changed:
                self._save_secrets(sql, broker.id, self._tokens(pair))
        return bool(changed)

    @rerun
    def lose_session(self, broker: Broker, generation: int, why: str, at: datetime) -> bool:
        """Note that the login server refused for good, and queue the message that says so. True where that is new."""
        with self._database.write() as sql:
            self._check_owns(sql, broker)
            changed = sql.run(
                """UPDATE sessions SET lost_at = ?, lost_why = ?, asked_at = NULL
                WHERE broker_id = ? AND generation = ? AND lost_at IS NULL""",
                to_us(at),
                why,
                broker.id,
                generation,
            )
            if changed:
                remedy = f"trademon broker login {broker.name}"
                tell_session_lost(sql, self._user_id, broker.id, broker.name, at, error=why, remedy=remedy)
        return bool(changed)

    def _check_owns(self, sql: Sql, broker: Broker) -> None:
        query = "SELECT 1 FROM brokers WHERE id = ? AND user_id = ? AND removed_at IS NULL"
        if not sql.one(query, broker.id, self._user_id):
            raise UnknownName(f"{self.user} has no broker {broker.name!r}", hint="trademon broker list shows them")

    @staticmethod
    def _tokens(pair: TokenPair) -> dict[str, str]:
        return {_ACCESS: pair.access_token, _REFRESH: pair.refresh_token}
