"""What every test begins with, made once for a process and copied: an empty store, a key."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from issuer.keys import import_key
from issuer.keys.material import generate_private, private_pem
from issuer.store import Store, Tables
from issuer.testing.fakes import FakeClock


def put_store(file: Path, *tables: Tables) -> None:
    """Put an empty SQLite store with all tables there, unless there is a file already."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(_store(*tables))


@cache
def _store(*tables: Tables) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "issuer.db"
        store = Store.open(f"sqlite:///{file}", FakeClock(), tables=tables)
        store.migrate()
        store.close()
        return file.read_bytes()


def put_key(directory: Path, use: str, now: float, retention: float) -> None:
    """Put an RSA key for a use there."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in _key(use, now, retention):
        (directory / name).touch(mode=0o600)
        (directory / name).write_bytes(content)


@cache
def _key(use: str, now: float, retention: float) -> list[tuple[str, bytes]]:
    """Return the files of a key: OpenSSL examines a key whenever it is read, and that takes its time."""
    with TemporaryDirectory() as folder:
        import_key(Path(folder), _pem(), use=use, kid=f"{use}-key", clock=FakeClock(now), retention=retention)
        return [(file.name, file.read_bytes()) for file in Path(folder).iterdir()]


@cache
def _pem() -> bytes:
    return private_pem(generate_private("rsa-2048")).encode()
