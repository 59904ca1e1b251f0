"""`floorstream scan UNIT READ_POINT`: one scan by hand, what became of it, and where to see it."""

import argparse
import asyncio
import json
import sys
from urllib.parse import quote

from services.adapters.clock import SystemClock
from services.commands.options import add_instance_option, meant_instance, seconds
from services.commands.scans_client import Refused, ScansClient, Unreachable
from services.core.instant import format_instant

SOURCE = "hand"
PATIENCE_SECONDS = 10.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "scan",
        help="one scan, by hand",
        description="Sends one scan of a unit at a read point of the plant model, as happening now.",
    )
    parser.add_argument("unit", metavar="UNIT", help="what is scanned: serial number, carrier or lot")
    parser.add_argument("read_point", metavar="READ_POINT", help="read_point_id of the plant model, such as L1-OP10-IN")
    parser.add_argument("--product", metavar="ID", help="product_id")
    parser.add_argument("--quantity", metavar="N", help="pieces of the unit from now on")
    parser.add_argument("--ago", type=seconds, default=0.0, metavar="30s", help="it happened so long ago")
    add_instance_option(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Send it; exit code 0 accepted, 1 refused or not sent, 2 no floorstream named."""
    instance = meant_instance(arguments)
    if instance is None:
        return 2
    happened = SystemClock().now_us() - round(arguments.ago * 1_000_000)
    event = {
        "unit_id": arguments.unit, "read_point_id": arguments.read_point, "event_time": format_instant(happened),
        "product_id": arguments.product, "quantity": arguments.quantity,
    }  # fmt: skip
    try:
        result = asyncio.run(send(instance.address, {name: value for name, value in event.items() if value}))
    except (Refused, Unreachable) as error:
        print(f"not sent 未发送: {error}", file=sys.stderr)
        return 1
    if result["status"] != "accepted":
        print(f"refused 已拒收: {result['reason']}: {result['detail']}", file=sys.stderr)
        print("it is kept with its reason 已连同原因保存: floorstream rejects list", file=sys.stderr)
        return 1
    print(f"accepted 已接收: {arguments.unit} at {arguments.read_point}, {event['event_time']}")
    print(f"its visits 其停留记录: {instance.address}/v1/units/{quote(arguments.unit, safe='')}")
    print(f"the board 看板: {instance.address}/")
    return 0


async def send(address: str, event: dict[str, str]) -> dict[str, str]:
    """The verdict of one event. Raises Refused or Unreachable."""
    async with ScansClient(address, SOURCE, patience_s=PATIENCE_SECONDS) as client:
        verdicts = await client.send([json.dumps(event, ensure_ascii=False).encode()])
        return verdicts.results[0]
