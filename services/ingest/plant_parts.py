"""Parts of the plant model into the next version: made from the version in force, so that no change is lost."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from schemas.message import Malformed, read_json
from schemas.plant_parts import Changed, Family, Refusal, Wanted, as_read, change
from services.adapters.problems import BUSY, Problem, retry_after
from services.adapters.submitted import require_shallow
from services.core.errors import BadScan
from services.ingest.deps import Deps
from services.ingest.routes_events import in_force
from services.ingest.routes_plant import conflicting, publish, refuse_large

ATTEMPTS = 20
"""So often a request is decided anew because another ingest was first."""


class Written(NamedTuple):
    """What became of a request. `changed` None: only judged."""

    version: int
    changed: bool | None
    refused: dict[int, Refusal]


def read_part(raw: bytes, part_id: str | None = None) -> Wanted:
    """A part as it was sent; `part_id`: that of the address. Raises Malformed."""
    try:
        require_shallow(raw)
        said = as_read(read_json(raw))
    except BadScan as bad:
        raise Malformed(bad.en, bad.zh) from None
    sent = said.pop("id", None)
    if part_id is not None:
        if sent not in (None, part_id):
            raise Malformed("id: expected the one of the address, or none", "id：应与地址一致或省略")
        return Wanted(part_id, said)
    if not isinstance(sent, str):
        raise Malformed("id: is required", "id：必须填写")
    return Wanted(sent, said)


async def write(
    deps: Deps, family: Family, wanted: Sequence[Wanted], author: str, expected: int | None, only_judge: bool
) -> Written:
    """One version with all of them that are accepted; returns once it is in force. Raises Problem.

    `expected`: the version that the author started from, None: whichever.
    """
    async with deps.parts:
        for _ in range(ATTEMPTS):
            in_force(deps)
            version = deps.master.newest
            done = await _changed(deps, family, wanted, version)
            holds = not done.refused and done.document == deps.master.versions[version]
            if expected not in (None, version) and not (holds and expected):
                raise conflicting(version)
            if only_judge or len(done.refused) == len(wanted):
                return Written(version, None if only_judge else False, done.refused)
            try:
                return Written(*await publish(deps, done.document, author, version), done.refused)
            except Problem as problem:
                if "current" not in problem.members or expected is not None:
                    raise
    raise retry_after(
        BUSY, "another ingest changes the plant model; send again", "其他进程正在修改工厂模型，请重新提交", 1
    )


async def _changed(deps: Deps, family: Family, wanted: Sequence[Wanted], version: int) -> Changed:
    # In a thread: a large plant takes its time; meanwhile scans go on.
    done = await asyncio.to_thread(change, deps.master.versions[version], family, wanted)
    refuse_large(done.document)
    return done
