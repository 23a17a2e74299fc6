"""What `issuer keys` does to the key directory. Every function is one command: serialized by the lock, and
safe to kill at any point.

A slot is a use and a key type: it has at most one active key that counts (the youngest) and one next key. An
active key gets a next one beside it when it is made, and at each rotation, so that `rotate` has one that
clients have had the time to fetch.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from issuer.keys import files, material
from issuer.keys.changes import Changes, read_all
from issuer.keys.files import KeyFile
from issuer.keys.model import KeyRingError, KeyState, PrivateKey, PublicKey
from issuer.keys.parsing import parse_pem, parse_private
from issuer.world import Clock


@dataclass(frozen=True, slots=True)
class Rotation:
    """What happened in one slot. `activated` is None when there was no next key: one is published now.

    A fixed key, which somebody else was told of, has no next one until somebody gives it.
    """

    use: str
    kind: str
    activated: str | None
    retired: tuple[str, ...]
    next: str
    """The kid of the next key; "" when a fixed one has none."""


class FixedKid(str):
    """A kid that another side was told: no next key is made beside its key, and a rotation passes it over."""

    __slots__ = ()


def generate(
    directory: Path,
    *,
    use: str,
    kind: str,
    clock: Clock,
    retention: float,
    kid: str | None = None,
) -> tuple[PublicKey, ...]:
    """Make a key: the active one and a next one where there is none yet, else the next one.

    One with a `FixedKid` gets no next one beside it, and a rotation passes it over.
    """
    first = _record(material.generate_private(kind), use, clock, retention, kid)
    return _add(directory, first, clock, retention)


def import_key(
    directory: Path,
    data: bytes,
    *,
    use: str,
    kid: str | None = None,
    clock: Clock,
    retention: float,
) -> tuple[PublicKey, ...]:
    """Take a private key from elsewhere (PEM or JWK), under its own kid, the given one, or its thumbprint."""
    private, own_kid = parse_private(data)
    return _add(directory, _record(private, use, clock, retention, kid or own_kid), clock, retention)


def rotate(
    directory: Path, *, use: str | None = None, clock: Clock, retention: float
) -> tuple[Rotation, ...]:
    """Let the next key of every slot (of one use, or of all) sign from now on, and publish a new next one.

    Of all, fixed keys are passed over. Of one use, a fixed key gives way to its next one, if it has one.
    """
    slots, fixed = _slots(directory, use), _fixed_slots(directory)
    if use is None and slots:
        slots = {slot: kind for slot, kind in slots.items() if slot not in fixed}
        if not slots:
            return ()
    if not slots:
        wanted = f"of the use {use!r} " if use else ""
        raise KeyRingError(
            f"There is no key {wanted}in {directory} to rotate: run `issuer keys generate` first."
        )
    spares = [
        _record(material.generate_private(kind), slot[0], clock, retention)
        for slot, kind in slots.items()
        if slot not in fixed
    ]
    with Changes.begin(directory, clock, retention) as changes:
        replaced = [_replace_fixed(changes, slot) for slot in slots if slot in fixed]
        return (*replaced, *(_rotate_slot(changes, spare) for spare in spares))


def retire(
    directory: Path,
    kid: str,
    *,
    even_if_last: bool = False,
    compromised: bool = False,
    clock: Clock,
    retention: float,
) -> None:
    """Stop using a key. It stays published until its tokens have expired; a compromised one is deleted."""
    with Changes.begin(directory, clock, retention) as changes:
        record = changes.get(kid)
        if record.state is KeyState.ACTIVE and not even_if_last:
            raise KeyRingError(
                f"{kid} is the active key: run `issuer keys rotate --use {record.use}` first, or add "
                "`--even-if-last` if nothing shall sign with this use and type any more."
            )
        if compromised:
            changes.remove(record)
        elif record.state is KeyState.RETIRED:
            raise KeyRingError(f"{kid} is retired already.")
        else:
            changes.retire(record)


def export(directory: Path, kid: str, *, form: Literal["pem", "jwk"], private: bool = False) -> str:
    """Return the public part of a key as text, or the whole key."""
    path = directory / files.file_name(kid)
    try:
        record = files.read(path)
    except FileNotFoundError:
        raise KeyRingError(f"There is no key {kid!r}: see `issuer keys list`.") from None
    except KeyRingError as error:
        raise KeyRingError(f"{path}: {error}.") from error
    key = _parse(record)
    if private and form == "pem":
        return record.private_key.get_secret_value()
    if form == "pem":
        return material.publish(key, record.kid, record.use, record.state).pem.decode()
    public = material.publish(key, record.kid, record.use, record.state).jwk
    return json.dumps(material.private_jwk(key, kid) if private else public, indent=2) + "\n"


def list_keys(directory: Path) -> tuple[KeyFile, ...]:
    """Return what the key files say: by use and type, active first. Changes nothing."""
    order = [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]
    records = read_all(directory).values()
    return tuple(sorted(records, key=lambda r: (r.use, r.kind, order.index(r.state), r.created)))


def _slots(directory: Path, use: str | None) -> dict[tuple[str, str], str]:
    """Return the slots in use, with the kind of key that their next key shall have."""
    slots: dict[tuple[str, str], str] = {}
    for record in sorted(read_all(directory).values(), key=lambda r: (r.state is KeyState.NEXT, r.created)):
        if record.state is not KeyState.RETIRED and use in (None, record.use):
            slots[record.slot] = record.kind
    return slots


def _fixed_slots(directory: Path) -> set[tuple[str, str]]:
    """Return the slots whose keys somebody else was told of."""
    records = read_all(directory).values()
    return {record.slot for record in records if record.fixed and record.state is not KeyState.RETIRED}


def _replace_fixed(changes: Changes, slot: tuple[str, str]) -> Rotation:
    """Let the next key sign that somebody put beside a fixed one."""
    waiting = changes.of(slot, KeyState.NEXT)
    if not waiting:
        raise KeyRingError(
            f"The key of the use {slot[0]!r} is fixed and has no next one: make or import that first, with "
            f"`--fixed` and the kid that the other side gives it."
        )
    active = changes.of(slot, KeyState.ACTIVE)
    changes.activate(waiting[0])
    for record in active:
        changes.retire(record)
    return Rotation(slot[0], waiting[0].kind, waiting[0].kid, tuple(r.kid for r in active), "")


def _rotate_slot(changes: Changes, spare: KeyFile) -> Rotation:
    active = changes.of(spare.slot, KeyState.ACTIVE)
    waiting = changes.of(spare.slot, KeyState.NEXT)
    # In this order: published, then used, then retired. There is an active key at every moment.
    if len(waiting) < 2:
        changes.put(spare)
    if not waiting:
        return Rotation(spare.use, spare.kind, None, (), spare.kid)
    changes.activate(waiting[0])
    for record in active:
        changes.retire(record)
    following = changes.of(spare.slot, KeyState.NEXT)[0]
    return Rotation(spare.use, waiting[0].kind, waiting[0].kid, tuple(r.kid for r in active), following.kid)


def _add(directory: Path, record: KeyFile, clock: Clock, retention: float) -> tuple[PublicKey, ...]:
    spare = None
    if not record.fixed and record.slot not in _slots(directory, record.use):
        spare = _record(material.generate_private(record.kind), record.use, clock, retention)
    with Changes.begin(directory, clock, retention) as changes:
        changes.refuse_known(record)
        waiting = changes.of(record.slot, KeyState.NEXT)
        if waiting:
            raise KeyRingError(
                f"This use and type has a next key already, {waiting[0].kid}: run `issuer keys rotate "
                f"--use {record.use}`, which lets it sign, or `issuer keys retire {waiting[0].kid}` first."
            )
        added = [changes.put(record)]
        if not changes.of(record.slot, KeyState.ACTIVE):
            added = [changes.activate(record)] + ([changes.put(spare)] if spare else [])
    return tuple(material.publish(_parse(r), r.kid, r.use, r.state) for r in added)


def _record(
    private: PrivateKey,
    use: str,
    clock: Clock,
    retention: float,
    kid: str | None = None,
) -> KeyFile:
    """Return a key file for a new key, which is the next one at first."""
    try:
        return KeyFile.model_validate(
            {
                "kid": kid or material.thumbprint(private),
                "use": use,
                "kind": material.kind_of(private),
                "state": KeyState.NEXT,
                "created": clock.now(),
                "retention": retention,
                "fixed": isinstance(kid, FixedKid),
                "private_key": material.private_pem(private),
            }
        )
    except ValidationError as error:
        wrong = ", ".join(f"{'.'.join(map(str, e['loc'])) or 'kid'}: {e['msg']}" for e in error.errors())
        raise KeyRingError(f"This cannot be a key's name or use ({wrong}).") from None


def _parse(record: KeyFile) -> PrivateKey:
    return parse_pem(record.private_key.get_secret_value().encode())
