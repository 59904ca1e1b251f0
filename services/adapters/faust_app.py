"""A Faust app with the settings that our guarantees need, and its life in a process of ours.

At least once, effects idempotent. Off: the leader topic, the web server, standbys, anything written to HOME or the
working directory. Faust's own tables are not used: its recovery trusts ListOffsets(latest), logs errors instead of
stopping, and knows no epochs (services/adapters/changelog.py does this part).
"""

import asyncio
import logging
import os
from typing import Any

import faust
import faust.streams
from faust.transport.drivers import TRANSPORTS

from services.adapters.frames import FrameSchema
from services.adapters.kafka_consumer import METADATA_MS
from services.settings import KafkaSettings

log = logging.getLogger(__name__)
TRANSPORTS.aliases["frames"] = "services.adapters.frames:FrameTransport"

FETCH_BYTES = 4 << 20


def make_app(kafka: KafkaSettings, group: str, data_dir: str, instance: str, most_records: int | None = None) -> Any:
    """A Faust app whose topics are read in frames.

    `instance`: name for static membership on the embedded broker, where a leader that leaves can hang the group; it
    costs 6 s at every join, whatever the session timeout. Empty: dynamic membership, half a session timeout.
    """
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        # The pure-Python iterator acknowledges stale events after a rebalance.
        raise RuntimeError("faust-streaming runs without its C extension: install its wheel, unset NO_CYTHON")
    session = kafka.session_timeout_s
    return faust.App(
        group,
        broker=";".join(f"frames://{broker}" for broker in kafka.brokers.split(",")),
        processing_guarantee="at_least_once",
        broker_session_timeout=session,
        broker_rebalance_timeout=session if kafka.embedded else 30.0,
        broker_heartbeat_interval=session / 3,
        broker_request_timeout=30.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=most_records,
        broker_max_poll_interval=300.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_metadata_max_age_ms=METADATA_MS,
        consumer_group_instance_id=f"{group}-{instance}" if kafka.embedded and instance else None,
        producer_acks=-1,
        producer_request_timeout=30.0,
        stream_wait_empty=True,
        stream_recovery_delay=0,
        stream_buffer_maxsize=16,
        store="memory://",
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
        datadir=data_dir,
        autodiscover=False,
    )


def frame_topic(app: Any, name: str) -> Any:
    """A topic whose agent gets frames."""
    return app.topic(name, schema=FrameSchema(), internal=False)


async def run_app(app: Any, stop: asyncio.Event) -> None:
    """Run until `stop`. Raises what crashed the app."""
    app.finalize()
    await app.start()
    waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(app._crashed.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if app.crashed:
            raise app._crash_reason or RuntimeError("the Faust app crashed without saying why")
    finally:
        for wait in waits:
            wait.cancel()
        await app.stop()


def die(code: int) -> None:
    """End the process at once: nothing that would acknowledge on the way out may run any more."""
    logging.shutdown()
    os._exit(code)
