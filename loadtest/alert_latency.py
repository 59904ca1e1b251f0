"""How soon a message reaches its receiver: `python -m loadtest.alert_latency [--broker apache] [--rate 2000]`.

A whole stack of its own (floorstream up) with a team and a webhook for each of many operations. Units pile up at one
operation after the other while other scans flow at the given rate, straight into Kafka. Measured is the time from the
end of the on-delay (arrival of the unit that was one too many, plus on_delay) to the receiver, by one clock; and of
that the part of notify, from the instant that `alert` gave the change.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiokafka import AIOKafkaProducer

from services.adapters.clock import SystemClock
from services.core.identity import partition_of
from services.core.instant import format_instant
from services.topology import SCANS

ON_DELAY_S = 1.0
LIMIT = 2
PARTITIONS = 4
SECOND_US = 1_000_000
READY_SECONDS = 180.0
PATIENCE_SECONDS = 60.0
TICK_SECONDS = 0.05


class Receiver(ThreadingHTTPServer):
    """Takes every message and notes when (µs) the first one of each alert came; `complete` once all firings have."""

    def __init__(self, expected: int) -> None:
        self.came: dict[str, int] = {}
        self.raised: dict[str, int] = {}
        self.repeats = 0
        self.complete = threading.Event()
        self.expected = expected
        super().__init__(("127.0.0.1", 0), _Taking)


class _Taking(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        now = SystemClock().now_us()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            self.server.repeats += alert["key"] in self.server.came
            self.server.came.setdefault(alert["key"], now)
            self.server.raised.setdefault(alert["key"], alert["at_us"])
        if sum(key.endswith("/firing") for key in self.server.came) >= self.server.expected:
            self.server.complete.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to say."""


def plant(incidents: int) -> str:
    """The plant file: a busy operation, and `incidents` others with a work center, a team and a channel each."""
    centers = "".join(
        f"      - {{id: W{n}, operations: [{{id: P{n}, wip_limit: {LIMIT}}}]}}\n" for n in range(incidents)
    )
    teams = "".join(f"  - {{id: T{n}, work_centers: [W{n}], channels: [C{n}]}}\n" for n in range(incidents))
    return (
        "site: {id: X, time_zone: UTC}\nareas:\n  - id: A\n    work_centers:\n"
        f"      - {{id: W, operations: [{{id: BUSY}}, {{id: NEXT}}]}}\n{centers}teams:\n{teams}"
        f"alerting: {{on_delay: {ON_DELAY_S:g}s, off_delay: 1s}}\n"
    )


def channels(incidents: int, url: str) -> str:
    """The channels file."""
    secret = secrets.token_hex(16)
    lines = [f"  C{n}: {{kind: webhook, base_url: '{url}', secret: {secret}}}" for n in range(incidents)]
    return "allow_private: [127.0.0.1]\nchannels:\n" + "\n".join(lines) + "\n"


class Scans:
    """Writes scans straight into Kafka; unit ids are new in each run."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._run = secrets.token_hex(4)
        self._number = 0

    async def send(self, unit: str, operation: str, action: str) -> int:
        """One scan of now; its event time, µs."""
        now, self._number = SystemClock().now_us(), self._number + 1
        event = {
            "event_id": f"{self._run}-{self._number}", "event_time": format_instant(now),
            "unit_id": f"{self._run}-{unit}", "operation_id": operation, "action": action,
        }  # fmt: skip
        key = event["unit_id"].encode()
        partition = partition_of(event["unit_id"], PARTITIONS)
        await self._producer.send(SCANS.name, json.dumps(event).encode(), key, partition=partition)
        return now


async def flow(scans: Scans, rate: float) -> None:
    """Units through the busy operation, at this rate, until cancelled."""
    sent, began = 0, time.monotonic()
    while True:
        due = int((time.monotonic() - began) * rate)
        for number in range(sent, due):
            unit, first = divmod(number, 2)
            await scans.send(f"B{unit}", "NEXT" if first else "BUSY", "depart" if first else "arrive")
        sent = max(sent, due)
        await asyncio.sleep(TICK_SECONDS)


async def measure(broker: str, receiver: Receiver, incidents: int, rate: float, pause_s: float) -> list[float]:
    """Seconds from the end of each on-delay to the receiver."""
    ends: dict[str, int] = {}
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=2) as producer:
        scans = Scans(producer)
        flowing = asyncio.create_task(flow(scans, rate))
        try:
            await asyncio.sleep(5 * pause_s)
            for n in range(incidents):
                for unit in range(LIMIT + 1):
                    at = await scans.send(f"P{n}-{unit}", f"P{n}", "arrive")
                ends[f"wip_limit|P{n}/1/firing"] = at + int(ON_DELAY_S * SECOND_US)
                await asyncio.sleep(pause_s)
            await asyncio.to_thread(receiver.complete.wait, PATIENCE_SECONDS)
        finally:
            flowing.cancel()
            await asyncio.gather(flowing, return_exceptions=True)
    return [(receiver.came[key] - end) / SECOND_US for key, end in ends.items() if key in receiver.came]


def started(arguments: argparse.Namespace, folder: Path, url: str) -> subprocess.Popen[str]:
    """The stack, ready. Raises RuntimeError with what it said."""
    (folder / "plant.yaml").write_text(plant(arguments.incidents), encoding="utf-8")
    file = folder / "channels.yaml"
    file.touch(0o600)
    file.write_text(channels(arguments.incidents, url), encoding="utf-8")
    words = ["--plant", str(folder / "plant.yaml"), "--channels", str(file), "--broker", arguments.broker]
    stack = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "up", "--data-dir", str(folder / "data"), *words],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    said: list[str] = []
    assert stack.stdout is not None
    patience = threading.Timer(READY_SECONDS, stack.terminate)
    patience.start()
    for line in stack.stdout:
        said.append(line)
        if line.startswith("ready "):
            patience.cancel()
            return stack
    raise RuntimeError(f"the stack did not start:\n{''.join(said)}")


def report(what: str, found: Sequence[float]) -> str:
    """The figures, in words."""
    if len(found) < 2:
        return f"{what}: too few"
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    return f"{what}: p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s, longest {max(found):.3f} s"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; exit code 0 if every message came."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.alert_latency", description=__doc__)
    parser.add_argument("--broker", choices=("embedded", "apache"), default="embedded")
    parser.add_argument("--incidents", type=int, default=60)
    parser.add_argument("--rate", type=float, default=500.0, help="other scans per second")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two pile-ups")
    arguments = parser.parse_args(argv)
    receiver = Receiver(arguments.incidents)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="floorstream-latency-") as folder:
        stack = started(arguments, Path(folder), f"http://127.0.0.1:{receiver.server_port}/")
        try:
            broker = json.loads((Path(folder) / "data" / "instance.json").read_bytes())["broker"]
            found = asyncio.run(measure(broker, receiver, arguments.incidents, arguments.rate, arguments.pause))
        finally:
            stack.terminate()
            stack.wait()
    print(f"{len(found)} of {arguments.incidents} messages came, {receiver.repeats} repeats")
    print(report("end of the on-delay to receiver", found))
    ours = [(at - receiver.raised[key]) / SECOND_US for key, at in receiver.came.items()]
    print(report("instant of the alert to receiver", ours))
    return 0 if len(found) == arguments.incidents else 1


if __name__ == "__main__":
    sys.exit(main())
