"""`floorstream healthy`: does the stage with these settings get on? For the health checks of containers.

A background stage (FLOORSTREAM_READY_FILE set) is asked by the age of its file, see services/adapters/pulse.py; a stage
with HTTP by /readyz. Not to have a plant model yet is no illness: a person has to give it, no restart helps.
"""

import argparse
import http.client
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from services.adapters.clock import SystemClock

OLDEST_S = 30.0
"""Above the longest silence of a stage that is well: a session timeout, and a transaction that is tried again."""
ANSWER_S = 3.0
NO_PLANT = "plant model"
"""How `missing` of /readyz begins where only a plant model is wanting."""
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where to ask a stage that listens on all addresses."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "healthy",
        help="does the stage with these settings get on? (for health checks)",
        description="Exit code 0 yes, 1 no and why. Asks the file of FLOORSTREAM_READY_FILE where that is set, else "
        "/readyz at FLOORSTREAM_HOST and FLOORSTREAM_PORT.",
    )
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask. Exit code 0 it gets on, 1 it does not."""
    file = os.environ.get("FLOORSTREAM_READY_FILE", "")
    trouble = stands_still(Path(file), SystemClock().now_us()) if file else takes_no_work(os.environ)
    if trouble:
        print(trouble, file=sys.stderr)
    return int(bool(trouble))


def stands_still(file: Path, now_us: int) -> str:
    """Why a background stage does not get on; empty when it does."""
    try:
        age = now_us / 1_000_000 - file.stat().st_mtime
    except OSError:
        return "takes no work yet 尚未就绪"
    return f"has stood still for {age:.0f} s 已停滞 {age:.0f} 秒" if age > OLDEST_S else ""


def takes_no_work(environment: Mapping[str, str]) -> str:
    """Why a stage with HTTP takes no work; empty when it does, or will as soon as it has a plant model."""
    host = environment.get("FLOORSTREAM_HOST", "")
    port = environment.get("FLOORSTREAM_PORT", "") or "8080"
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), int(port), timeout=ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        missing = json.loads(connection.getresponse().read())["missing"]
        return "; ".join(each for each in missing if not each.startswith(NO_PLANT))
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        return f"port {port} does not answer as it should 端口 {port} 应答异常: {error!r}"
    finally:
        connection.close()
