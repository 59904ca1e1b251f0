"""Wires the edge: collectors ─► desks ─► queue on the disk ─► forwarder ─► front door of the server.

A collector that fails is started again; a queue that cannot be used ends the program with 70, because going on could
lose what is read. Nothing here needs a broker or a database.
"""

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from services.adapters.clock import SystemClock, moment
from services.adapters.edge_file import BadEdge, EdgeFile
from services.adapters.metrics import Metrics
from services.adapters.mqtt_sparkplug import SparkplugHost
from services.adapters.mqtt_topics import MqttTopics
from services.adapters.serial_scanner import SerialScanner
from services.adapters.spool import Spool
from services.adapters.spool_file import Lane, Refused, SpoolLost
from services.adapters.tcp_scanner import TcpScanner
from services.adapters.watched_folder import WatchedFolder
from services.edge.forwarder import Forwarder
from services.edge.handler import Desk
from services.ports import Collector

log = logging.getLogger("floorstream.edge")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
CENSUS_SECONDS = 2.0


class Counted:
    """What happens, as metrics."""

    def __init__(self, metrics: Metrics) -> None:
        """All of it is counted there."""
        self._metrics = metrics

    def taken(self, collector: str, readings: int, unreadable: int) -> None:
        """Of one collector."""
        self._metrics.edge_taken.labels(collector, "taken").inc(readings)
        self._metrics.edge_taken.labels(collector, "unreadable").inc(unreadable)

    def settled(self, lane: Lane, sent: int, refused: Sequence[Refused]) -> None:
        """Verdicts of the server."""
        self._metrics.edge_verdicts.labels(lane.source, lane.kind, "").inc(sent)
        for each in refused:
            self._metrics.edge_verdicts.labels(lane.source, lane.kind, each.reason).inc()

    def attempt(self, lane: Lane, trouble: str) -> None:
        """A request; empty: it had its verdicts."""
        self._metrics.edge_away.labels(lane.source, lane.kind).set(bool(trouble))


class Edge:
    """One edge program."""

    def __init__(self, file: EdgeFile, metrics: Metrics) -> None:
        """Nothing is opened before run(). Raises BadEdge."""
        self._metrics = metrics
        self._counted = Counted(metrics)
        self._door = file.front_door()
        self._spool = Spool(file.spool_directory, file.document.spool.max_bytes)
        self._forwarder = Forwarder(self._spool, self._door, self._counted, moment)
        clock = SystemClock()
        self.collectors: list[Collector] = [
            *(TcpScanner(settings, clock.now_us) for settings in file.scanners()),
            *(SerialScanner(settings, clock.now_us) for settings in file.serial_scanners()),
            *(WatchedFolder(settings) for settings in file.folders),
            *(MqttTopics(settings, clock.now_us) for settings in file.topics),
            *(SparkplugHost(settings, clock.now_us) for settings in file.nodes),
        ]

    async def open(self) -> None:
        """Open the queue. Raises SpoolLost; nothing was read yet."""
        await self._spool.start()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises SpoolLost."""
        log.info("the queue is open; %d collectors start 队列已打开，启动采集", len(self.collectors))
        work = [self._forwarder.run(), self._census(), *map(self._collect, self.collectors)]
        tasks = [asyncio.create_task(each) for each in work]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
        finally:
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)
            await self._spool.stop()
            await self._door.close()

    async def _collect(self, collector: Collector) -> None:
        desk, pause = Desk(collector.name, self._spool, self._counted.taken), FIRST_PAUSE_SECONDS
        while True:
            try:
                await collector.run(desk.take, desk)
            except SpoolLost:
                raise
            except Exception as error:
                log.error("%s: %s: started again in %.0f s 将重新启动", collector.name, error or repr(error), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _census(self) -> None:
        while True:
            now = moment().wall_us
            for lane in await self._spool.lanes():
                age = 0 if lane.oldest_us is None else max(0, now - lane.oldest_us) / 1e6
                self._metrics.edge_queued.labels(lane.source, lane.kind).set(lane.queued)
                self._metrics.edge_oldest.labels(lane.source, lane.kind).set(age)
            self._metrics.edge_spool_bytes.set(await self._spool.used_bytes())
            self._metrics.edge_spool_full.set(self._spool.full)
            for collector in self.collectors:
                self._metrics.edge_up.labels(collector.name).set(collector.up)
            await asyncio.sleep(CENSUS_SECONDS)


async def serve(path: Path) -> int:
    """Run until SIGINT or SIGTERM; the exit code."""
    stop, metrics = asyncio.Event(), Metrics()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        file = EdgeFile(path)
        edge = Edge(file, metrics)
        await edge.open()
    except (BadEdge, SpoolLost) as error:
        log.error("%s", error)
        return 2
    metrics.listen("127.0.0.1", file.document.metrics_port or 0)
    try:
        await edge.run(stop)
    except (SpoolLost, ExceptionGroup) as lost:
        why = lost.exceptions[0] if isinstance(lost, ExceptionGroup) else lost
        log.error("stopping, because going on could lose what is read: %s 停止运行", why)
        return 70
    return 0


def main(path: Path) -> int:
    """Start the program; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return asyncio.run(serve(path))
