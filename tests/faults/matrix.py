"""Every fault that is looked for, as data: what is done, what must hold afterwards, and what cannot be shown here.

A test names its rows with `@pytest.mark.row(NUMBER, …)`; a row that no test names says why in `untested`. A test with
`@pytest.mark.red(DEFENCE)` takes the named defence away and holds only if the guarantee is then broken; a row without
such a test says in `without` why there is nothing to take away.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One kind of fault."""

    number: int
    fault: str
    expected: str
    untested: str = ""
    without: str = ""
    limits: str = ""


ROWS: tuple[Row, ...] = (
    Row(
        1,
        "kill -9 of ingest at random while a sender repeats what got no answer",
        "whatever was answered 202 is in the log, and counts once",
    ),
    Row(2, "kill -9 of a stage at random under load", "what it publishes and stores is the fold of the log"),
    Row(3, "kill -9 at every named step of a frame, a flush, a round", "as row 2: nothing lost, nothing doubled"),
    Row(
        4,
        "kill -9 of store inside its transaction and after it",
        "every row once, newest revision; it goes on from the position in the database",
    ),
    Row(
        5,
        "kill -9 of notify before a message is sent, after it was taken, after it is on record",
        "everybody is told; a repeat only where the answer was not kept, and it is counted",
    ),
    Row(6, "the code of a stage raises on one record", "exit 70, nothing committed past it; mended, it goes on"),
    Row(
        7,
        "SIGTERM under load; every stage started again in turn",
        "each stops within 10 s with what it did committed; rows are the fold of the log",
        without="who ends without goodbye is row 2: that costs a repeat and no guarantee",
    ),
    Row(8, "the broker refuses what a stage produces", "the stage ends, nothing of it is committed"),
    Row(9, "a produce request is never answered", "the stage ends at its deadline, nothing of it is committed"),
    Row(10, "the broker is paused", "ingest answers 503, buffers stay bounded, all goes on by itself"),
    Row(
        11,
        "the broker starts again with its log",
        "clients connect again by themselves, nothing lost",
        without="what connects again is the client library",
    ),
    Row(12, "the broker loses its log", "stages stop with the reason; none begins at 0 in silence"),
    Row(
        13,
        "the network between stages and broker is cut",
        "as row 10; who was expelled changes nothing",
        without="what holds against who was expelled are the epochs of row 35; what waits is limited as in row 10",
    ),
    Row(14, "only the way back is cut: appended, never told", "what is sent again counts once"),
    Row(
        15,
        "a connection to the database is half open",
        "a deadline ends it, the whole transaction is repeated",
    ),
    Row(
        16,
        "the database is away and comes back",
        "store waits, the others go on; it catches up exactly",
    ),
    Row(17, "the database is slow", "batches grow to their limit, nothing times out for ever"),
    Row(
        18,
        "the disk of the database is full",
        "store repeats ever less often; with space again all rows are exact",
    ),
    Row(19, "a deadlock, or a lock held for long", "the whole transaction is repeated, no half batch"),
    Row(
        20,
        "the disk of a worker is full",
        "it goes on or ends; it never commits what it has not done",
        without="what a worker has to keep lies in the topics, not on its disk",
    ),
    Row(
        21,
        "records nobody can read",
        "each is kept with its reason, bytes and coordinates; the rest counts",
    ),
    Row(
        22,
        "nothing but records nobody can read",
        "each is kept with its reason and an alarm says so; nothing stops",
    ),
    Row(
        23,
        "invalid UTF-8, NUL, half surrogates, huge ids and numbers, deep nesting",
        "refused with the reason, at the door or in the log",
    ),
    Row(
        24,
        "a message far too large",
        "413 at the door, refused by the broker; nothing stalls",
        without="the limits are the broker's, topology's and one number at the door",
    ),
    Row(
        25,
        "no value, no key, a unit in another's partition",
        "refused or forwarded once; no other unit's state",
    ),
    Row(26, "every scan several times, batches repeated", "counts and rows do not change"),
    Row(27, "the whole log read again into a running system", "no row changes"),
    Row(
        28,
        "out of order; a source offline for hours that flushes",
        "as if in order; history calls nobody",
    ),
    Row(29, "older than the history kept", "refused as too_late and counted"),
    Row(
        30,
        "clocks of devices hours off, in 1970, set back in a shift",
        "corrected where they say so, else refused; arrived ≤ departed",
    ),
    Row(31, "the server's clock is set", "no flood of alerts, none ended by it"),
    Row(32, "nights of clock changes, midnight, leap day, year's end", "no hour lost or counted twice"),
    Row(33, "workers come and go under load", "nothing lost, nothing doubled"),
    Row(
        34,
        "members join and leave without rest",
        "it settles by itself",
        without="the defences are those of row 33: recovery, and reading again what a rebalance cleared",
    ),
    Row(35, "a worker sleeps past its session and wakes up", "nobody reads what it writes, now or later"),
    Row(36, "one record takes longer than a session", "another takes over, no double effect"),
    Row(
        37,
        "fifty times the usual load for a minute",
        "senders are told to wait, memory is bounded, nothing lost",
        without="the limit of what waits is that of row 10",
        limits="one sender for 20 s, which is never told to wait; more is for `make bench`",
    ),
    Row(
        38,
        "a day under load, a night without",
        "memory and files stay level",
        untested="minutes say little of hours: it needs a day on a machine of its own",
    ),
    Row(
        39,
        "a million units recovered, with kills in between",
        "takes work within a minute, with the fold's state",
        limits="a hundred thousand units",
    ),
    Row(40, "the state topic is emptied, tampered with, cut", "the start is refused; never empty in silence"),
    Row(
        41,
        "whoever is told is away, slow, in trouble, answers nonsense",
        "asked ever less often, others are not held up, told once",
    ),
    Row(42, "an alert that flaps, five hundred at once", "on-delays, digests, never above a channel's rate"),
    Row(43, "two of notify by mistake", "one sends"),
    Row(
        44,
        "a message of another version; old and new workers side by side",
        "optional fields are read both ways, unknown needs are refused",
        without="that readers pass over what they do not know is how their decoders are made",
        limits="two builds side by side, a migration under load",
    ),
    Row(
        45,
        "a hundred live clients that never read, ten thousand that connect",
        "queues are bounded, laggards begin again, stages feel nothing",
        limits="a network: the clients are at the interface of the server, a thousand that read and some that do not",
    ),
)
