"""The bare way to a verification: an aiohttp server that asks the homeserver whose token it is, and answers.

`python -m bench.baselines.verify PORT PROCESSES PEM HOMESERVER`, with a process for each core.
"""

import multiprocessing
import signal
import ssl
import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from bench.baselines.homeserver import LEVELS, USERINFO

SESSION = web.AppKey("session", aiohttp.ClientSession)


def application(pem: str, homeserver: str) -> web.Application:
    url = f"https://{homeserver}{USERINFO}"

    async def session(app: web.Application) -> AsyncIterator[None]:
        tls = ssl.create_default_context(cafile=pem)
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        async with aiohttp.ClientSession(connector=connector) as app[SESSION]:
            yield

    async def verify(request: web.Request) -> web.Response:
        asked = await request.json()
        parameters = {"access_token": asked["token"]}
        async with request.app[SESSION].get(url, params=parameters) as answer:
            user = (await answer.json())["sub"]
        results = {"room_membership": bool(asked["room_id"]), "user": True}
        levels = {"room": LEVELS, "user": 50}
        return web.json_response({"results": results, "user_id": user, "power_levels": levels})

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application()
    app.cleanup_ctx.append(session)
    app.add_routes([web.post("/verify/user_in_room", verify), web.get("/healthz", health)])
    return app


def serve(port: int, pem: str, homeserver: str) -> None:
    app = application(pem, homeserver)
    web.run_app(app, host="127.0.0.1", port=port, reuse_port=True, print=None, access_log=None)


def main() -> None:
    port, processes, pem, homeserver = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # which ends daemons
    spawn = multiprocessing.get_context("spawn")
    for _ in range(int(processes)):
        arguments = (int(port), pem, homeserver)
        spawn.Process(target=serve, args=arguments, daemon=True).start()
    for worker in multiprocessing.active_children():
        worker.join()


if __name__ == "__main__":
    main()
