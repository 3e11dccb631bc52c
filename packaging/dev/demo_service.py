#!/usr/bin/env python3
"""A small service that agents can probe, and that can be cut and mended by a signal.

Usage: demo_service.py PORT

SIGUSR1 closes its port: whoever connects is refused, as if the service had died.
SIGUSR2 opens it again.
"""

from __future__ import annotations

import asyncio
import signal
import sys

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
REQUEST_SECONDS = 5


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One answer to whatever is asked; a probe that only connects gets its connection closed."""
    try:
        if await asyncio.wait_for(reader.readline(), REQUEST_SECONDS):
            writer.write(ANSWER)
            await writer.drain()
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    wanted_open, changed, stopped = True, asyncio.Event(), False

    def want(is_open: bool, stop: bool = False) -> None:
        nonlocal wanted_open, stopped
        wanted_open, stopped = is_open, stop
        changed.set()

    loop.add_signal_handler(signal.SIGUSR1, want, False)
    loop.add_signal_handler(signal.SIGUSR2, want, True)
    loop.add_signal_handler(signal.SIGTERM, want, False, True)
    while not stopped:
        changed.clear()
        server = await asyncio.start_server(answer, "127.0.0.1", port) if wanted_open else None
        print("open" if server else "closed", flush=True)
        await changed.wait()
        if server is not None:
            server.close()


if __name__ == "__main__":
    try:
        asyncio.run(serve(int(sys.argv[1])))
    except OSError as error:
        sys.exit(f"demo_service: {error}")
