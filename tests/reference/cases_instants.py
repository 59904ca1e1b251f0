"""Hand-computed cases: order of arrival does not count, and events of one instant have an order of their own."""

from .case import Case, case

INSTANTS: list[Case] = [
    case(
        "events come backwards in time",
        "20 depart A \n 15 finish A \n 5 start A \n 0 arrive A",
        "1 A 0 5 15 20 moved - 0 1 5 10 5 0 id=e4",
        "U in_transit - - 1 0",
    ),
    case(
        "within an operation an instant goes by rank",
        "0 depart A \n 0 finish A \n 0 start A \n 0 arrive A",
        "1 A 0 0 0 0 moved - 0 1 0 0 0 0 id=e4",
        "U in_transit - - 1 0",
    ),
    case(
        "scrap comes before complete",
        "0 arrive A \n 0 complete A \n 0 scrap A",
        "1 A 0 - - 0 scrapped - 0 0 0 0 0 0",
        "U scrapped - - 1 1",
    ),
    case(
        "running just before: the finish goes before the start",
        "0 start A \n 5 start A \n 5 finish A",
        "1 A 0 0 5 - open implied_arrive 0 2",
        "U in_process A running 1 0",
    ),
    case(
        "not running just before: the start goes before the finish",
        "0 arrive A \n 5 finish A \n 5 start A",
        "1 A 0 5 5 - open - 0 1",
        "U in_process A finished 1 0",
        "A wip=1 finished=1 arrivals=1",
    ),
    case(
        "held just before: the release goes before the hold",
        "0 arrive A \n 1 hold A \n 3 hold A \n 3 release A \n 5 depart A",
        "1 A 0 - - 5 moved implied_finish 0 0 1 0 0 4",
        "U in_transit - - 1 0",
    ),
    case(
        "not held just before: the hold goes before the release",
        "0 arrive A \n 3 release A \n 3 hold A \n 5 depart A",
        "1 A 0 - - 5 moved implied_finish 0 0 5 0 0 0",
        "U in_transit - - 1 0",
    ),
    case(
        "the operation with the open visit goes first",
        "0 arrive B \n 5 arrive A \n 5 depart B",
        "1 B 0 - - 5 moved implied_finish 0 0 5 0 0 0 \n 2 A 5 - - - open - 0 0",
        "U in_process A queued 2 0",
    ),
    case(
        "other operations go by position on the routing",
        "0 arrive B product=R \n 0 arrive C",
        "1 C 0 - - 0 moved implied_depart|implied_finish 0 0 0 0 0 0 id=e2 \n 2 B 0 - - - open - 0 0 id=e1",
        "U in_process B queued 2 0",
    ),
    case(
        "an operation off the routing goes last",
        "0 arrive A product=R \n 0 arrive C",
        "1 C 0 - - 0 moved implied_depart|implied_finish 0 0 0 0 0 0 \n 2 A 0 - - - open - 0 0",
        "U in_process A queued 2 0",
    ),
    case(
        "without a routing by operation_id",
        "0 arrive B \n 0 arrive A",
        "1 A 0 - - 0 moved implied_depart|implied_finish 0 0 0 0 0 0 \n 2 B 0 - - - open - 0 0",
        "U in_process B queued 2 0",
    ),
    case(
        "all events of one operation go before those of the next",
        "0 depart A \n 0 arrive B \n 0 start B \n 0 start A",
        """1 A 0 0 - 0 moved implied_arrive|implied_finish 0 1 0 0 0 0
        2 B 0 0 - - open - 0 1""",
        "U in_process B running 2 0",
    ),
    case(
        "events without operation go last",
        "0 arrive A \n 5 complete \n 5 arrive B",
        """1 A 0 - - 5 moved implied_depart|implied_finish 0 0 5 0 0 0
        2 B 5 - - 5 completed - 0 0 0 0 0 0""",
        "U completed - - 2 0",
    ),
    case(
        "events without operation go by rank alone, held or not",
        "0 arrive A \n 1 hold \n 5 release \n 5 hold",
        "1 A 0 - - - open - 1 0",
        "U in_process A queued 1 0",
    ),
    case(
        "a hold goes before the finish that would open the visit",
        "0 finish A \n 0 hold A",
        "1 A 0 0 0 - open implied_arrive|implied_start 0 1",
        "U in_process A finished 1 1",
    ),
    case(
        "an adjust goes after all others",
        "0 arrive A q=5 \n 1 adjust delta=-5 \n 1 arrive B q=5",
        """1 A 0 - - 1 moved implied_depart|implied_finish 0 0 1 0 0 0 q=5
        2 B 1 - - 1 completed consumed 0 0 0 0 0 0 q=0""",
        "U completed - - 2 0 q=0",
    ),
    case(
        "equal rank goes by event_id",
        "0 arrive A id=b q=5 wu=W2 \n 0 arrive A id=a q=3 wu=W1",
        "1 A 0 - - - open - 1 0 id=a q=5",
        "U in_process A queued 1 0 q=5",
    ),
    case(
        "event ids are ordered by code point",
        "0 arrive A id=a q=1 \n 0 arrive A id=B q=2 \n 0 arrive A id=é q=3",
        "1 A 0 - - - open - 2 0 id=B q=3",
        "U in_process A queued 1 0",
    ),
    case(
        "digits beyond microseconds are cut, offsets and small letters are read",
        """- arrive A time=2026-11-23T14:00:00.0000009+08:00
        - depart A time=2026-11-23t06:01:00z""",
        "1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0",
        "U in_transit - - 1 0",
    ),
]
