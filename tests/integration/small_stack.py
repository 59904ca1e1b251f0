"""A real supervisor with small children, as a program: small_stack.py DATA_DIR CHILDREN_JSON [SECONDS [PART…]].

CHILDREN_JSON is a list of {"name": …, "code": Python text, "once": bool, "ready": path of a file that says so,
"still": seconds after which that file must have been touched again};
a PART is `broker` or `database`, whose address becomes a line of output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from services.embedded.broker import Broker
from services.embedded.child import STILL_SECONDS, Child
from services.embedded.database import Database
from services.embedded.errors import EmbeddedError
from services.embedded.part import Part
from services.embedded.supervisor import Supervisor

PARTS: dict[str, Callable[[], Part]] = {"broker": Broker, "database": Database}


def child(data_dir: Path, given: dict[str, str]) -> Child:
    """The child that one JSON object describes; its working file is DATA_DIR/NAME.txt."""
    ready = given.get("ready")
    return Child(
        name=given["name"],
        argv=[sys.executable, "-c", given["code"], str(data_dir / f"{given['name']}.txt")],
        env={"PYTHONUNBUFFERED": "1"},
        is_ready=Path(ready).exists if ready else None,
        once=bool(given.get("once")),
        pulse=Path(ready) if ready and "still" in given else None,
        still_seconds=float(given.get("still", STILL_SECONDS)),
    )


def main() -> int:
    """Run the stack; the exit code of the supervisor, 1 if it cannot start."""
    data_dir = Path(sys.argv[1])
    duration = float(sys.argv[3]) if len(sys.argv) > 3 else None
    try:
        with Supervisor(data_dir) as stack:
            for part in sys.argv[4:]:
                print(part, stack.start_part(PARTS[part]()), flush=True)
            children = [child(data_dir, given) for given in json.loads(sys.argv[2])]
            return stack.run(children, ready_line="ready http://127.0.0.1:1", duration=duration)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
