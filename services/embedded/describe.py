"""Write `schemas/json/openapi.json`: what the running system serves under /v1/openapi.json, all of ingest and show.

python -m services.embedded.describe           write it
python -m services.embedded.describe --check   exit 1 where it is stale
"""

import argparse
import asyncio
import json
import sys

from schemas.generate import FOLDER
from services import settings
from services.embedded.front import application, wire

FILE = FOLDER / "openapi.json"
COMMAND = "make generate"


def described() -> str:
    """The document as it is committed."""
    return asyncio.run(_described())


async def _described() -> str:
    given = settings.read({"FLOORSTREAM_KAFKA": "127.0.0.1:9"})  # nothing is connected to
    async with wire(given) as front:
        return json.dumps(application(front).openapi(), ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the file; 1 when --check finds it stale."""
    parser = argparse.ArgumentParser(
        prog="python -m services.embedded.describe", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file is stale")
    text = described()
    if parser.parse_args(arguments).check:
        fresh = FILE.exists() and FILE.read_text("utf-8") == text
        if not fresh:
            print(f"{FILE.name} is not what is served now: run `{COMMAND}` and commit what it writes", file=sys.stderr)
        return 0 if fresh else 1
    FILE.write_text(text, "utf-8")
    print(f"written {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
