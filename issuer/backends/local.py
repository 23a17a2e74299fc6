"""Local users: accounts in the store, with Argon2id passwords. For small teams, demos and emergencies.

Configuration sample:

    [backends.local]
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Unpack

from issuer.authentication.identities.resolver import normal_login, same_people
from issuer.authentication.throttling import account_bucket, account_key
from issuer.backend import BackendServices, BackendSettings, FormBackend
from issuer.identity import Attribute, Identity
from issuer.store import UidClaim, User, UserChanges

UID = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024


class UserError(ValueError):
    """Something about an account that cannot be; the message says what to do."""


class LocalSettings(BackendSettings):
    """Local users: accounts in the store, managed with `issuer user`."""


def identity_of(user: User, instance: str = "local") -> Identity:
    """Return a user as the sessions and rules see them."""
    return Identity(
        backend=instance,
        subject=user.id,
        uid=user.uid,
        attributes=user.attributes,
        groups=user.groups,
        proof=user.password_hash,
    )


class LocalBackend(FormBackend):
    """Signs in the users of the store."""

    Settings = LocalSettings

    def __init__(self, instance: str, settings: LocalSettings, services: BackendServices) -> None:
        super().__init__(instance, settings, services)
        self._users = services.store.users
        self._passwords = services.passwords

    def authenticate(self, login: str, password: str) -> Identity | None:
        """Return the user with this login and password; unknown and disabled ones cost the same."""
        user = self._users.by_uid(normal_login(login))
        right = self._passwords.verify(user.password_hash if user else None, password[: LONGEST_PASSWORD + 1])
        return self._identity(user) if user and right else None

    def refresh(self, identity: Identity) -> Identity | None:
        """Return the user as they are now; None when they are disabled or removed."""
        user = self._users.by_id(identity.subject)
        return identity_of(user, self.instance) if user and user.enabled else None

    def knows(self, uid: str) -> bool:
        """Tell whether there is a user of this name, enabled or not."""
        return self._users.by_uid(normal_login(uid)) is not None

    def _identity(self, user: User) -> Identity | None:
        """Look again, for disabled accounts and for those that changed while the password was verified."""
        now = self._users.by_id(user.id)
        if now is None or not now.enabled or now.password_hash != user.password_hash:
            return None
        return identity_of(now, self.instance)


class LocalUsers:
    """Manages local users; what changes here changes their sessions at once."""

    def __init__(
        self,
        services: BackendServices,
        instances: Sequence[str] = ("local",),
        shortest_password: int = SHORTEST_PASSWORD,
    ) -> None:
        """Keep what managing needs; `instances` are the backends that sign these users in."""
        self._store = services.store
        self._passwords = services.passwords
        self._clock = services.clock
        self._randomness = services.randomness
        self._instances = tuple(instances)
        self._same = same_people(services.settings.sign_in.same_people, instances)
        self._shortest = shortest_password

    def add(
        self, uid: str, password: str, attributes: Mapping[str, Attribute], groups: tuple[str, ...]
    ) -> User:
        """Add a user.

        Raises:
            UserError: the uid or the password cannot be used.
            issuer.store.DuplicateError: there is such a user.
        """
        if not UID.fullmatch(uid):
            raise UserError(f'"{uid[:64]}" is not a user name: use lower-case letters, digits and . _ @ + -')
        now = self._clock.now()
        user = User(
            id=str(uuid.UUID(bytes=self._randomness.bytes(16), version=4)),
            uid=uid,
            password_hash=self._hash(password),
            attributes=dict(attributes),
            groups=groups,
            enabled=True,
            created_at=now,
            changed_at=now,
        )
        with self._store.database.write():
            self._store.users.add(user)
            self._claim(user)
        return user

    def _claim(self, user: User) -> None:
        """Take the name for the user, from a local user who is gone too, but from nobody else."""
        key, claim = normal_login(user.uid), UidClaim(user.uid, self._instances[0], user.id)
        claims = self._store.claims
        holder = claims.claim(key, claim, self._same, user.created_at)
        if holder is None or (holder.backend in self._instances and claims.move(key, holder, claim)):
            return
        raise UserError(
            f'the name "{user.uid}" belongs to somebody of backends.{holder.backend}: '
            f"choose another, or `issuer user release {user.uid}`"
        )

    def get(self, uid: str) -> User:
        """Return a user by uid; raise `UserError` when there is none."""
        user = self._store.users.by_uid(uid)
        if not user:
            raise self._unknown(uid)
        return user

    @staticmethod
    def _unknown(uid: str) -> UserError:
        return UserError(f'there is no user "{uid[:64]}": see `issuer user list`')

    def set_password(self, uid: str, password: str) -> None:
        """Change a password; the user's sessions end, no browser is known any more, and a pause is over."""
        user, hashed = self.get(uid), self._hash(password)
        account = account_key(user.uid)
        with self._store.database.write():
            self._change(user, password_hash=hashed)
            self._end_sessions(user)
            self._store.browsers.forget_account(account)
            self._store.attempts.clear(account_bucket(account))

    def change(
        self,
        uid: str,
        attributes: Mapping[str, Attribute],
        groups: tuple[str, ...] | None = None,
        enabled: bool | None = None,
    ) -> User:
        """Set attributes (an empty list removes one), groups, and whether the user may sign in.

        The user's sessions go on, and read the new values before they count again; those of a disabled user
        end.
        """
        changes = UserChanges(attributes=dict(attributes))
        if groups is not None:
            changes["groups"] = groups
        if enabled is not None:
            changes["enabled"] = enabled
        with self._store.database.write():
            user = self._change(self.get(uid), **changes)
            if user.enabled:
                for instance in self._instances:
                    self._store.sessions.outdate(instance, user.id)
            else:
                self._end_sessions(user)
        return user

    def remove(self, uid: str) -> None:
        """Remove a user; every session of theirs ends."""
        user = self.get(uid)
        with self._store.database.write():
            self._store.users.remove(user.id)
            self._store.browsers.forget_account(account_key(user.uid))
            for instance in self._instances:
                self._store.second_factors.remove(instance, user.id)
            self._end_sessions(user)

    def _change(self, user: User, **changes: Unpack[UserChanges]) -> User:
        found = self._store.users.change(user.id, self._clock.now(), **changes)
        if found is None:
            raise self._unknown(user.uid)
        return found

    def _end_sessions(self, user: User) -> None:
        for instance in self._instances:
            self._store.sessions.end_of(instance, user.id)
            self._store.pending_steps.drop_of(instance, user.id)

    def _hash(self, password: str) -> str:
        if not self._shortest <= len(password) <= LONGEST_PASSWORD:
            raise UserError(f"a password has {self._shortest} to {LONGEST_PASSWORD} characters")
        return self._passwords.hash(password)
