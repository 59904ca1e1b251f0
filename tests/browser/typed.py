"""What README and pages say to type is typed as it stands, and what was sent is followed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.integration.up_process import environment
from tests.parts import until

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = "[...document.querySelectorAll('#ways pre')].map((one) => one.textContent)"
READY = "document.querySelector('#ways pre') && document.querySelector('#rejects p')"
SECONDS = 60.0


def typed(
    text: str, *, broker: str = "", where: Path | None = None, home: Path | None = None, seconds: float = SECONDS
) -> str:
    """What a block says when it is run as it stands; curl does not tell a refusal by its exit code.

    `home`: of the stack that floorstream's own commands find.
    """
    program = [sys.executable, "-c", text] if text.startswith("import ") else ["bash", "-e", "-c", text]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {**(os.environ if home is None else environment(home)), "PATH": path, "FLOORSTREAM_KAFKA": broker}
    done = subprocess.run(program, env=known, cwd=where, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def accepted(address: str, *events: str) -> None:
    """Wait until every event is in its unit's history, if only as a repeat."""

    async def told() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answers = [await client.get(f"{address}/v1/events/{event_id}") for event_id in events]
        fates = [each["fate"] for answer in answers if answer.status_code == 200 for each in answer.json()["events"]]
        return len(fates) == len(events) and set(fates) <= {"accepted", "repeat"}

    await until(told, f"{events} are accepted", SECONDS)


def named(said: str) -> list[str]:
    """The ids of the events that an answer or a program names."""
    return re.findall(r'"event_id": ?"([^"]+)"', said)


def blocks(heading: str) -> list[str]:
    """Everything to type in a section of the README."""
    section = README.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
