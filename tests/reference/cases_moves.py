"""Hand-computed cases: what each action does to a unit that is at one place."""

from .case import Case, case

MOVES: list[Case] = [
    case(
        "a whole visit",
        "0 arrive A \n 5 start A \n 15 finish A \n 20 depart A",
        "1 A 0 5 15 20 moved - 0 1 5 10 5 0 q=1 id=e1 product=- wu=-",
        "U in_transit - - 1 0 q=1",
        "A arrivals=1 departures=1",
    ),
    case(
        "a repeated arrive changes nothing but repeats",
        "0 arrive A \n 3 arrive A",
        "1 A 0 - - - open - 1 0 id=e1",
        "U in_process A queued 1 0",
        "A wip=1 queued=1 arrivals=1",
    ),
    case(
        "an arrive elsewhere closes the running visit",
        "0 arrive A \n 4 start A \n 10 arrive B",
        """1 A 0 4 - 10 moved implied_depart|implied_finish 0 1 4 6 0 0
        2 B 10 - - - open - 0 0 id=e3""",
        "U in_process B queued 2 0",
        "A arrivals=1 departures=1 \n B wip=1 queued=1 arrivals=1",
    ),
    case(
        "an arrive elsewhere closes the finished visit without implied_finish",
        "0 arrive A \n 1 start A \n 2 finish A \n 7 arrive B",
        "1 A 0 1 2 7 moved implied_depart 0 1 1 1 5 0 \n 2 B 7 - - - open - 0 0",
        "U in_process B queued 2 0",
    ),
    case(
        "a start at a new operation implies the arrival, a second start is a repeat",
        "0 start A \n 3 start A",
        "1 A 0 0 - - open implied_arrive 1 1",
        "U in_process A running 1 0",
        "A wip=1 running=1 arrivals=1",
    ),
    case(
        "a start after the finish runs again",
        "0 arrive A \n 1 start A \n 3 finish A \n 6 start A \n 10 finish A \n 11 depart A",
        "1 A 0 1 10 11 moved - 0 2 1 6 4 0",
        "U in_transit - - 1 0",
    ),
    case(
        "a finish of a queued visit takes the arrival as the start",
        "0 arrive A \n 8 finish A \n 10 depart A",
        "1 A 0 0 8 10 moved implied_start 0 1 0 8 2 0",
        "U in_transit - - 1 0",
    ),
    case(
        "a finish at a new operation implies arrival and start, a second finish is a repeat",
        "0 finish A \n 2 finish A \n 3 depart A",
        "1 A 0 0 0 3 moved implied_arrive|implied_start 1 1 0 0 3 0",
        "U in_transit - - 1 0",
    ),
    case(
        "a depart from the queue implies a finish that has no time",
        "0 arrive A \n 6 depart A",
        "1 A 0 - - 6 moved implied_finish 0 0 6 0 0 0",
        "U in_transit - - 1 0",
    ),
    case(
        "a depart while running again keeps the last real finish",
        "0 start A \n 2 finish A \n 3 start A \n 5 depart A",
        "1 A 0 0 2 5 moved implied_arrive|implied_finish 0 2 0 4 1 0",
        "U in_transit - - 1 0",
    ),
    case(
        "a depart where the unit is not is a stray",
        "0 depart A \n 1 arrive B \n 2 depart A",
        "1 B 1 - - - open - 0 0",
        "U in_process B queued 1 2",
    ),
    case("a unit with strays only is unseen", "0 depart A \n 1 complete", "", "U unseen - - 0 2", ""),
    case(
        "a hold stops the clock over a finish until the release",
        "0 arrive A \n 2 start A \n 5 hold A \n 7 finish A \n 9 release A \n 12 depart A",
        "1 A 0 2 7 12 moved - 0 1 2 3 3 4",
        "U in_transit - - 1 0",
    ),
    case(
        "hold while held and release while not are repeats, a hold lasts to the end of the visit",
        "0 arrive A \n 1 hold A \n 2 hold A \n 3 release A \n 4 release A \n 5 hold A \n 9 depart A",
        "1 A 0 - - 9 moved implied_finish 2 0 3 0 0 6",
        "U in_transit - - 1 0",
    ),
    case(
        "an implied start makes process of the whole time not held",
        "0 arrive A \n 2 hold A \n 5 release A \n 9 finish A \n 10 depart A",
        "1 A 0 0 9 10 moved implied_start 0 1 0 6 1 3",
        "U in_transit - - 1 0",
    ),
    case(
        "a held visit counts as held only, though started",
        "0 arrive A \n 1 hold A \n 2 start A",
        "1 A 0 2 - - open - 0 1",
        "U in_process A held 1 0",
        "A wip=1 held=1 arrivals=1",
    ),
    case(
        "a hold elsewhere is a stray, one without operation applies to the open visit",
        "0 arrive A \n 1 hold B \n 2 hold \n 4 depart A \n 5 hold",
        "1 A 0 - - 4 moved implied_finish 0 0 2 0 0 2",
        "U in_transit - - 1 2",
    ),
    case(
        "a complete elsewhere closes the open visit and implies nothing",
        "0 arrive A \n 1 start A \n 3 complete B",
        "1 A 0 1 - 3 completed - 0 1 1 2 0 0",
        "U completed - - 1 0",
        "A arrivals=1 departures=1 completed=1",
    ),
    case(
        "a complete in transit changes no visit, a second is a stray",
        "0 arrive A \n 1 depart A \n 2 complete \n 3 complete",
        "1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0",
        "U completed - - 1 1",
        "A arrivals=1 departures=1",
    ),
    case(
        "a scrap closes the visit wherever the unit is, a second is a stray",
        "0 arrive A \n 2 scrap B \n 3 scrap",
        "1 A 0 - - 2 scrapped - 0 0 2 0 0 0",
        "U scrapped - - 1 1",
        "A arrivals=1 departures=1 scrapped=1",
    ),
    case(
        "a scrap in transit changes no visit",
        "0 arrive A \n 1 depart A \n 2 scrap",
        "1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0",
        "U scrapped - - 1 0",
        "A arrivals=1 departures=1",
    ),
    case(
        "after completed and scrapped a visit is reopened; depart and hold are strays",
        "0 arrive A \n 1 complete \n 2 depart A \n 3 hold A \n 4 start B \n 5 scrap \n 6 arrive A",
        """1 A 0 - - 1 completed - 0 0 1 0 0 0
        2 B 4 4 - 5 scrapped implied_arrive|reopened 0 1 0 1 0 0
        3 A 6 - - - open reopened|rework 0 0""",
        "U in_process A queued 3 2",
        """A wip=1 queued=1 arrivals=2 departures=1 completed=1 rework=1
        B arrivals=1 departures=1 scrapped=1""",
    ),
    case(
        "coming back is rework",
        "0 arrive A \n 1 depart A \n 2 arrive B \n 3 depart B \n 4 arrive A",
        """1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0
        2 B 2 - - 3 moved implied_finish 0 0 1 0 0 0
        3 A 4 - - - open rework 0 0""",
        "U in_process A queued 3 0",
    ),
    case(
        "two ahead is skipped_operation, back is backward, one ahead again is rework only",
        "0 arrive A product=P \n 1 depart A \n 2 finish C \n 3 finish B \n 4 arrive C",
        """1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0 product=P
        2 C 2 2 2 3 moved implied_arrive|implied_start|implied_depart|skipped_operation 0 1 0 0 1 0
        3 B 3 3 3 4 moved implied_arrive|implied_start|implied_depart|backward 0 1 0 0 1 0
        4 C 4 - - - open rework 0 0 product=P""",
        "U in_process C queued 4 0",
    ),
    case(
        "the first visit is judged from position -1",
        "0 arrive B product=P",
        "1 B 0 - - - open skipped_operation 0 0",
        "U in_process B queued 1 0",
    ),
    case(
        "a visit off the routing is not judged and does not move the position",
        "0 finish A product=P \n 1 finish X \n 2 arrive B",
        """1 A 0 0 0 1 moved implied_arrive|implied_start|implied_depart 0 1 0 0 1 0
        2 X 1 1 1 2 moved implied_arrive|implied_start|implied_depart 0 1 0 0 1 0
        3 B 2 - - - open - 0 0""",
        "U in_process B queued 3 0",
    ),
    case(
        "the same operation again is neither backward nor skipped",
        "0 arrive A product=P \n 1 depart A \n 2 arrive A",
        "1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0 \n 2 A 2 - - - open rework 0 0",
        "U in_process A queued 2 0",
    ),
    case(
        "the routing position is kept over completion",
        "0 arrive A product=P \n 1 depart A \n 2 arrive B \n 3 complete \n 4 arrive A",
        """1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0
        2 B 2 - - 3 completed - 0 0 1 0 0 0
        3 A 4 - - - open backward|reopened|rework 0 0""",
        "U in_process A queued 3 0",
    ),
    case(
        "a depart from the last operation completes the unit",
        "0 arrive C product=P \n 1 depart C \n 2 depart C",
        "1 C 0 - - 1 completed implied_finish|skipped_operation 0 0 1 0 0 0",
        "U completed - - 1 1",
        "C arrivals=1 departures=1 completed=1",
    ),
    case(
        "an implied depart from the last operation is a move",
        "0 arrive C product=P \n 1 arrive X",
        """1 C 0 - - 1 moved implied_depart|implied_finish|skipped_operation 0 0 1 0 0 0
        2 X 1 - - - open - 0 0""",
        "U in_process X queued 2 0",
    ),
    case(
        "a product without routing has no order of operations",
        "0 arrive C product=Q \n 1 depart C \n 2 arrive A",
        "1 C 0 - - 1 moved implied_finish 0 0 1 0 0 0 \n 2 A 2 - - - open - 0 0 product=Q",
        "U in_process A queued 2 0",
    ),
]
