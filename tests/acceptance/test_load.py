"""What must not go wrong while many people sign in: rotation, killed processes, stuck clients."""

import socket
import time

import jwt
import psutil

from tests.acceptance.logins import KeyServerClient, Logins
from tests.service import Service, answers, wait_for

PEOPLE = 6
STUCK = 200


def cookies(service: Service, count: int) -> list[str]:
    signed_in = [service.sign_in("dwho") for _ in range(count)]
    return [session.cookies["issuer_session"] for session in signed_in]


def test_keys_rotate_under_load(service: Service) -> None:
    """Rotation under load: while `issuer keys rotate` runs twice within 10 s, 2,000 logins through two
    workers all give tokens that verify against the key fetched by their `kid`.
    """
    assert len(service.workers()) == 2
    keys = KeyServerClient(service)
    bad: list[str] = []

    def verify(token: str) -> None:
        try:
            keys.verify(token)
        except (jwt.PyJWTError, AssertionError) as error:
            bad.append(str(error))

    logins = Logins(service, cookies(service, PEOPLE), on_token=verify)
    logins.start()
    try:
        wait_for(lambda: len(logins.tokens) >= 200, "the first logins")
        service.run("keys", "rotate")
        wait_for(lambda: len(keys.keys) >= 2, "a token of the key that was next")
        service.run("keys", "rotate")
        wait_for(lambda: len(keys.keys) >= 3 and len(logins.tokens) >= 2000, "2,000 logins")
    finally:
        logins.stop()
    assert logins.failures == []
    assert bad == []
    for token in logins.tokens:
        keys.verify(token)


def test_killed_processes_lose_nothing(service: Service) -> None:
    """SIGKILL of a worker, and of the parent, during 500 logins: no listener is left behind, service goes on
    or comes back, every token that was handed out has its issuance row and every session still works.
    """
    people = cookies(service, PEOPLE)
    logins = Logins(service, people)
    logins.start()
    try:
        wait_for(lambda: len(logins.tokens) >= 100, "logins before")
        worker = service.workers()[0]
        worker.kill()
        before = len(logins.tokens)
        wait_for(lambda: len(logins.tokens) >= before + 100, "logins while a worker is gone")
        wait_for(lambda: len(service.workers()) == 2 and worker not in service.workers(), "a new worker")

        family = service.workers()
        service.process.kill()
        service.process.wait()
        psutil.wait_procs(family, timeout=30)
        wait_for(lambda: not listens(service.port), "a free port")
        assert [process for process in family if process.is_running()] == []

        service.start()
        before = len(logins.tokens)
        wait_for(lambda: len(logins.tokens) >= max(500, before + 200), "500 logins")
    finally:
        logins.stop()
    assert logins.failures == []
    issuances = service.shell.parts.store.issuances
    ids = [jwt.decode(token, options={"verify_signature": False})["jti"] for token in logins.tokens]
    assert len(set(ids)) == len(ids)
    assert [token_id for token_id in ids if issuances.by_token_id(token_id) is None] == []
    assert [cookie for cookie in people if not works(service, cookie)] == []


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def works(service: Service, cookie: str) -> bool:
    logins = Logins(service, [cookie])
    logins.start()
    wait_for(lambda: bool(logins.tokens or logins.failures), "a login")
    logins.stop()
    return not logins.failures


def test_stuck_clients_do_not_delay_logins(service: Service) -> None:
    """200 clients that send half a body and stop do not delay logins (or the start says that a buffering
    proxy is required, and the test with that proxy passes).
    """
    (cookie,) = cookies(service, 1)
    stuck = [half_a_body(service.port) for _ in range(STUCK)]
    try:
        logins = Logins(service, [cookie] * 2)
        logins.start()
        wait_for(lambda: len(logins.tokens) >= 50, "logins beside stuck clients")
        service.sign_in("dwho")
        logins.stop()
        assert logins.failures == []
        assert not any(answered(client) for client in stuck), "stuck clients were gone before the logins"
        assert {status_of(client) for client in stuck} == {b"408"}
    finally:
        for client in stuck:
            client.close()
    assert answers(service.url + "/readyz")


def half_a_body(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    connection.sendall(f"{head}Content-Length: 1000\r\n\r\nlogin=dwho&pass".encode())
    return connection


def answered(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(30)


def status_of(connection: socket.socket) -> bytes:
    deadline, text = time.monotonic() + 30, b""
    while b"\r\n" not in text and time.monotonic() < deadline:
        text += connection.recv(100)
    return text.split(b" ")[1]
