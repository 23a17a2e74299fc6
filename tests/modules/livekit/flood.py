"""Many clients at once, in a process of their own: each sends one request.

`python -m tests.modules.livekit.flood URL BODY CLIENTS` says `ready` when every client is connected, sends
everything when a line comes in, and says how often each status came (as JSON) when the last answer is there.
"""

import asyncio
import json
import sys
from collections import Counter
from urllib.parse import urlsplit


async def run(url: str, body: bytes, clients: int) -> Counter[str]:
    parts = urlsplit(url)
    streams = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(clients)]
    print("ready", flush=True)
    sys.stdin.readline()
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    for _, writer in streams:
        writer.write(head.encode() + body)
    return Counter(await asyncio.gather(*(_status(reader) for reader, _ in streams)))


async def _status(reader: asyncio.StreamReader) -> str:
    return (await reader.readline()).decode().split(" ")[1]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])))), flush=True)
