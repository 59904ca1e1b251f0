"""A headless Chromium, spoken to through its DevTools protocol over a pipe: nothing to install but the browser.

Messages are JSON ended by a NUL, read by the browser from its descriptor 3 and written to 4
(--remote-debugging-pipe; https://chromedevtools.github.io/devtools-protocol/).
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.1
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
MOST_LOADS = 5
LONGEST_MESSAGE = 64 << 20
AS_3_AND_4 = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(read, 3), os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Runs a program with two of its descriptors as 3 and 4; a shell knows none above 9."""


def executable() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page of the browser."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self.complaints: list[str] = []
        """Exceptions and errors that the page has written to its console."""
        self._disturbed = False

    async def listen(self) -> None:
        """Take what the browser says, for as long as it lives."""
        while message := json.loads(await self._next() or b"null"):
            if "id" in message:
                self._waiting.pop(message["id"]).set_result(message)
            elif message["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]["exceptionDetails"]))
            elif message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self._complain(str(message["params"]["entry"]))
        for answer in self._waiting.values():
            answer.set_exception(ConnectionError("the browser has ended"))

    def _complain(self, said: str) -> None:
        """Chromium ends its requests when an interface of this machine comes or goes, as other tests make them do."""
        if NETWORK_CHANGED in said:
            self._disturbed = True
        else:
            self.complaints.append(said)

    async def _next(self) -> bytes:
        """A message; nothing once the browser has ended."""
        try:
            return (await self._reader.readuntil(b"\0"))[:-1]
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(DEADLINE_SECONDS):
            found = await answer
        assert "error" not in found, found
        result: dict[str, Any] = found["result"]
        return result

    async def begin(self) -> None:
        """Open an empty page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """The size of the screen in CSS pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )

    async def speak(self, language: str) -> None:
        """The language of the browser, as in `zh-CN`."""
        await self.call("Emulation.setUserAgentOverride", userAgent="board test", acceptLanguage=language)

    async def go(self, url: str) -> None:
        """Load a page; again where the network changed meanwhile, which leaves it without some of its files."""
        for _ in range(MOST_LOADS):
            self._disturbed = False
            await self.call("Page.navigate", url=url)
            await self.until("document.readyState === 'complete'")
            if not self._disturbed:
                return

    async def offline(self, cut: bool) -> None:
        """Cut the page from the network, or join it again."""
        await self.call(
            "Network.emulateNetworkConditions", offline=cut, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    async def tap(self, selector: str) -> None:
        """Touch the middle of an element, as a thumb does; it has to be on the screen."""
        box = await self.ask(
            f"(({selector}).scrollIntoView({{block: 'center'}}), ({selector}).getBoundingClientRect().toJSON())"
        )
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        await self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        await self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, expression: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until an expression is true."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await self.ask(f"!!({expression})"):
            assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:.0f} s: {expression}"
            await asyncio.sleep(POLL_SECONDS)

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """Save what can be seen as a PNG; `whole` with what has to be scrolled to."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@contextlib.asynccontextmanager
async def browser(profile: Path, *switches: str) -> AsyncIterator[Page]:
    """A browser with a page, ended afterwards; `switches` of its command line."""
    path = executable()
    assert path is not None
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AS_3_AND_4, str(theirs_in), str(theirs_out), path, "--headless", "--no-sandbox",
        "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run", "--disable-gpu",
        "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-US", *switches,
        pass_fds=(theirs_in, theirs_out), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    page, listening = await _page(ours_in, ours_out)
    try:
        await page.begin()
        yield page
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


async def _page(ours_in: int, ours_out: int) -> tuple[Page, asyncio.Task[None]]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_MESSAGE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb"))
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(ours_out, "wb"))
    page = Page(reader, asyncio.StreamWriter(transport, protocol, None, loop))
    return page, asyncio.create_task(page.listen())
