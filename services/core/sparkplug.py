"""Sparkplug B 3.0 as a host application sees it: messages of edge nodes → what is known of each, and what is news.

Rules of the Sparkplug 3.0 specification, chapter 5 (operational behavior: births, deaths, bdSeq, message ordering with
reorder timeout, rebirth requests) and chapter 6 (payloads: aliases, seq, is_historical, is_null). Times are µs.
"""

from collections.abc import Iterator

from services.core.sparkplug_names import (
    BIRTHS,
    Address,
    AskRebirth,
    Kind,
    Known,
    Message,
    News,
    Node,
    Outcome,
    Sender,
    Unread,
)
from services.core.sparkplug_payload import MOST_METRICS, Metric, Value, signed

MOST_NODES = 10_000
MOST_KNOWN = 500_000
"""Metrics of all nodes together."""
LONGEST_KEPT = 1_024
"""Characters or bytes of a value that is kept as the present one."""
FARTHEST = 64
"""How many messages may be missing before one that is still taken for the same session: beyond, its aliases may mean
something else by now."""


class Host:
    """Every edge node that was heard of. Feed it messages, and `tick` it so that it notices what does not come."""

    def __init__(self, reorder_timeout: int = 2_000_000, rebirth_every: int = 30_000_000) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}
        self._reorder_timeout = reorder_timeout
        self._rebirth_every = rebirth_every
        self._known = 0

    def receive(self, message: Message) -> list[Outcome]:
        """What the message tells, in order; nothing yet where earlier ones are missing."""
        key = (message.address.group, message.address.node)
        node = self.nodes.get(key)
        if node is None:
            if len(self.nodes) >= MOST_NODES:
                return [Unread(message.address, f"more than {MOST_NODES} edge nodes", f"边缘节点多于 {MOST_NODES} 个")]
            node = self.nodes[key] = Node()
        if message.kind is Kind.NBIRTH:
            return list(self._born(node, message))
        if message.kind is Kind.NDEATH:
            return list(self._died(node, message))
        if not node.online:
            unread = Unread(message.address, f"{message.kind} before NBIRTH", f"{message.kind} 先于 NBIRTH 到达")
            return [unread, *self._ask(node, message.address, "no NBIRTH was seen", message.arrived)]
        return list(self._ordered(node, message))

    def tick(self, now: int) -> list[Outcome]:
        """What follows from messages that have not come within the reorder timeout."""
        found: list[Outcome] = []
        for (group, name), node in self.nodes.items():
            if node.waiting_since is not None and now - node.waiting_since >= self._reorder_timeout:
                found += self._given_up(node, Address(group, name), now)
        return found

    def due(self) -> int | None:
        """When `tick` has something to do, if nothing comes before."""
        since = [node.waiting_since for node in self.nodes.values() if node.waiting_since is not None]
        return min(since) + self._reorder_timeout if since else None

    def disconnected(self) -> list[Outcome]:
        """The broker is away: all that is known is stale, and nodes have to be born again before they are believed.

        Returns what had come and was waiting for what came before it.
        """
        found: list[Outcome] = []
        for node in self.nodes.values():
            found += self._waited(node)
            _bury(node)
        return found

    def _born(self, node: Node, message: Message) -> Iterator[Outcome]:
        seq = message.payload.seq
        if seq is None:
            yield Unread(message.address, "NBIRTH without seq", "NBIRTH 没有 seq")
            yield from self._ask(node, message.address, "NBIRTH without seq", message.arrived)
            return
        yield from self._waited(node)
        _bury(node)
        self._known -= sum(len(sender.metrics) for sender in node.senders.values())
        node.senders.clear()
        node.aliases.clear()
        node.bd_seq = next((metric.value for metric in message.payload.metrics if metric.name == "bdSeq"), None)
        node.next_seq = (seq + 1) % 256
        yield from self._birth(node, message)

    def _ordered(self, node: Node, message: Message) -> Iterator[Outcome]:
        seq = message.payload.seq
        if seq is None:
            yield Unread(message.address, f"{message.kind} without seq", f"{message.kind} 没有 seq")
            return
        if seq != node.next_seq:
            if node.waiting_since is None:
                node.waiting_since = message.arrived
            node.waiting.setdefault(seq, message)
            if sum(len(other.payload.metrics) for other in node.waiting.values()) > MOST_METRICS:
                yield from self._given_up(node, message.address, message.arrived)
            return
        yield from self._apply(node, message)
        while (following := node.waiting.pop(node.next_seq, None)) is not None:
            yield from self._apply(node, following)
        node.waiting_since = min((waits.arrived for waits in node.waiting.values()), default=None)

    def _died(self, node: Node, message: Message) -> Iterator[Outcome]:
        bd_seq = next((metric.value for metric in message.payload.metrics if metric.name == "bdSeq"), None)
        if not node.online or (None not in (bd_seq, node.bd_seq) and bd_seq != node.bd_seq):
            return
        yield from self._waited(node)
        alive = [device for device, sender in node.senders.items() if sender.online]
        _bury(node)
        for device in sorted(alive):
            address = Address(message.address.group, message.address.node, device)
            known = node.senders[device].metrics
            yield News(Kind.NDEATH, address, message.arrived, False, {}, message.arrived, None, known)

    def _given_up(self, node: Node, address: Address, now: int) -> Iterator[Outcome]:
        first = node.next_seq
        yield from self._waited(node)
        yield from self._ask(node, address, f"seq {first} did not come in time", now)

    def _waited(self, node: Node) -> Iterator[Outcome]:
        """What waits is read without what is missing before it; nothing where nothing waits."""
        first = node.next_seq
        node.gaps += bool(node.waiting)
        for seq in sorted(node.waiting, key=lambda seq: (seq - first) % 256):
            message = node.waiting[seq]
            if (seq - first) % 256 <= FARTHEST:
                yield from self._apply(node, message)
            else:
                en = f"seq {seq} where {first} was expected: another session, or too much is missing"
                yield Unread(message.address, en, f"seq 为 {seq}，应为 {first}：会话已变或缺失过多")
        node.waiting.clear()
        node.waiting_since = None

    def _apply(self, node: Node, message: Message) -> Iterator[Outcome]:
        node.next_seq = ((message.payload.seq or 0) + 1) % 256
        sender = node.senders.get(message.address.device)
        if message.kind is Kind.DBIRTH:
            yield from self._birth(node, message)
        elif sender is None or not sender.online:
            yield Unread(message.address, f"{message.kind} before DBIRTH", f"{message.kind} 先于 DBIRTH 到达")
            if message.kind is not Kind.DDEATH:
                yield from self._ask(node, message.address, "no DBIRTH was seen", message.arrived)
        elif message.kind is Kind.DDEATH:
            sender.die()
            time = _us(message.payload.time, message.arrived)
            yield News(
                message.kind, message.address, time, False, {}, message.arrived, _sent(message), sender.metrics
            )  # fmt: skip
        else:
            unknown = False
            for outcome in _data(node, sender, message):
                unknown = unknown or isinstance(outcome, Unread)
                yield outcome
            if unknown:
                yield from self._ask(node, message.address, "a metric that was not in the birth", message.arrived)

    def _birth(self, node: Node, message: Message) -> Iterator[Outcome]:
        device = message.address.device
        former = node.senders.pop(device, None)
        self._known -= len(former.metrics) if former is not None else 0
        for alias in [alias for alias, (owner, _) in node.aliases.items() if owner == device]:
            del node.aliases[alias]
        if self._known + len(message.payload.metrics) > MOST_KNOWN:
            yield Unread(message.address, f"more than {MOST_KNOWN} metrics in all", f"指标总数超过 {MOST_KNOWN} 个")
            return
        sender = node.senders[device] = Sender(online=True)
        for metric in message.payload.metrics:
            if metric.name is None:
                yield Unread(message.address, "a metric without name in a birth", "出生消息中的指标没有名称")
                continue
            if metric.unread:
                yield Unread(
                    message.address, f"metric {metric.name}: {metric.unread}", f"指标 {metric.name} 的值不能读取"
                )
            sender.metrics[metric.name] = Known(metric.datatype)
            if metric.alias is not None:
                node.aliases[metric.alias] = (device, metric.name)
        self._known += len(sender.metrics)
        yield from _data(node, sender, message)

    def _ask(self, node: Node, address: Address, why: str, now: int) -> Iterator[Outcome]:
        if node.asked is None or now - node.asked >= self._rebirth_every:
            node.asked = now
            yield AskRebirth(Address(address.group, address.node), why)


def _bury(node: Node) -> None:
    for sender in node.senders.values():
        sender.die()
    node.waiting.clear()
    node.waiting_since = None


def _data(node: Node, sender: Sender, message: Message) -> Iterator[Outcome]:
    found: dict[str, Value] = {}
    instant: tuple[int, bool] | None = None
    of = message.kind, message.address
    for metric in message.payload.metrics:
        name = _name(node, message.address.device, metric)
        known = sender.metrics.get(name) if name is not None else None
        if name is None or known is None:
            if message.kind not in BIRTHS:
                label = name or f"alias {metric.alias}"
                yield Unread(message.address, f"metric {label} was not in the birth", f"指标 {label} 不在出生消息中")
            continue
        if metric.unread:
            continue
        time = _us(metric.time if metric.time is not None else message.payload.time, message.arrived)
        value = signed(metric.value, metric.datatype or known.datatype)
        if not metric.historical:
            short = not isinstance(value, str | bytes) or len(value) <= LONGEST_KEPT
            known.value, known.time, known.stale = value if short else None, time, False
        if instant != (time, metric.historical) or name in found:
            if found and instant is not None:
                yield News(*of, *instant, found, message.arrived, _sent(message), sender.metrics)
            found, instant = {}, (time, metric.historical)
        found[name] = value
    if found and instant is not None:
        yield News(*of, *instant, found, message.arrived, _sent(message), sender.metrics)


def _name(node: Node, device: str, metric: Metric) -> str | None:
    if metric.name is not None:
        return metric.name
    owner, name = node.aliases.get(-1 if metric.alias is None else metric.alias, (None, None))
    return name if owner == device else None


def _sent(message: Message) -> int | None:
    return None if message.payload.time is None else message.payload.time * 1000


def _us(ms: int | None, otherwise: int) -> int:
    return otherwise if ms is None else ms * 1000
