"""`python -m tests.modules.livekit.real.client [METADATA]`: a participant, until SIGTERM.

Prints "ready", and goes to the room when a line with URL and token comes in, so that it takes no time to
start then. Prints "joined" when it is there, with METADATA and attributes as long, else what the SFU said.
"""

import asyncio
import signal
import sys

from livekit import rtc


async def main(metadata: str = "") -> None:
    print("ready", flush=True)
    url, token = (await asyncio.to_thread(sys.stdin.readline)).split()
    room, end = rtc.Room(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    try:
        await room.connect(url, token, rtc.RoomOptions(connect_timeout=10.0))
    except Exception as error:
        print(type(error).__name__, str(error).replace("\n", " "), flush=True)
        return
    if metadata:
        await room.local_participant.set_metadata(metadata)
        await room.local_participant.set_attributes({"what": metadata})
    print("joined", flush=True)
    await end.wait()
    await room.disconnect()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
