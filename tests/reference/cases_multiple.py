"""Hand-computed cases: units that may stay at several operations at once."""

from .case import Case, case, plant

SEVERAL = plant(presence="multiple")

MULTIPLE: list[Case] = [
    case(
        "an arrival closes only what is finished and not held",
        """0 finish A \n 1 start B \n 2 finish C \n 2.5 hold C \n 3 arrive X \n 4 release C""",
        """1 A 0 0 0 1 moved implied_arrive|implied_start|implied_depart 0 1 0 0 1 0
        2 B 1 1 - - open implied_arrive 0 1
        3 C 2 2 2 - open implied_arrive|implied_start 0 1
        4 X 3 - - - open - 0 0""",
        "U in_process B|C|X running|finished|queued 4 0",
        """A arrivals=1 departures=1 \n B wip=1 running=1 arrivals=1
        C wip=1 finished=1 arrivals=1 \n X wip=1 queued=1 arrivals=1""",
        model=SEVERAL,
    ),
    case(
        "a repeated read closes nothing elsewhere",
        "0 arrive A \n 1 start B \n 2 finish B \n 3 arrive A \n 4 start A",
        "1 A 0 4 - - open - 1 1 \n 2 B 1 1 2 - open implied_arrive 0 1",
        "U in_process A|B running|finished 2 0",
        model=SEVERAL,
    ),
    case(
        "in transit with the last depart; a depart where no visit is open is a stray",
        "0 arrive A \n 1 arrive B \n 2 depart A \n 3 depart A \n 4 depart B",
        """1 A 0 - - 2 moved implied_finish 0 0 2 0 0 0
        2 B 1 - - 4 moved implied_finish 0 0 3 0 0 0""",
        "U in_transit - - 2 1",
        model=SEVERAL,
    ),
    case(
        "completed with the last departure where the last operation was departed before",
        "0 arrive B product=P \n 1 arrive C \n 2 depart C \n 3 depart B",
        """1 B 0 - - 3 moved implied_finish|skipped_operation 0 0 3 0 0 0
        2 C 1 - - 2 moved implied_finish 0 0 1 0 0 0""",
        "U completed - - 2 0",
        "B arrivals=1 departures=1 \n C arrivals=1 departures=1",
        model=SEVERAL,
    ),
    case(
        "the outcome is completed where the last operation's depart completes the unit",
        "0 arrive B product=P \n 1 arrive C \n 2 depart B \n 3 depart C",
        """1 B 0 - - 2 moved implied_finish|skipped_operation 0 0 2 0 0 0
        2 C 1 - - 3 completed implied_finish 0 0 2 0 0 0""",
        "U completed - - 2 0",
        model=SEVERAL,
    ),
    case(
        "an implied departure from the last operation completes nothing",
        "0 finish C product=R \n 0 finish B \n 1 arrive A \n 2 depart A",
        """1 C 0 0 0 0 moved implied_arrive|implied_start|implied_depart 0 1 0 0 0 0
        2 B 0 0 0 1 moved implied_arrive|implied_start|implied_depart 0 1 0 0 1 0
        3 A 1 - - 2 moved implied_finish 0 0 1 0 0 0""",
        "U in_transit - - 3 0",
        model=SEVERAL,
    ),
    case(
        "a departure from the last operation before the reopening does not count",
        "0 arrive B product=P \n 1 arrive C \n 2 depart C \n 3 complete \n 4 arrive A \n 5 depart A",
        """1 B 0 - - 3 completed skipped_operation 0 0 3 0 0 0
        2 C 1 - - 2 moved implied_finish 0 0 1 0 0 0
        3 A 4 - - 5 moved backward|implied_finish|reopened 0 0 1 0 0 0""",
        "U in_transit - - 3 0",
        model=SEVERAL,
    ),
    case(
        "hold and release without operation apply to all open visits",
        "0 arrive A \n 1 hold A \n 2 arrive B \n 3 hold \n 4 release B \n 5 release \n 6 depart A \n 6 depart B",
        """1 A 0 - - 6 moved implied_finish 1 0 2 0 0 4
        2 B 2 - - 6 moved implied_finish 1 0 3 0 0 1""",
        "U in_transit - - 2 0",
        model=SEVERAL,
    ),
    case(
        "hold at an operation where no visit is open is a stray",
        "0 arrive A \n 1 hold B \n 2 hold A",
        "1 A 0 - - - open - 0 0",
        "U in_process A held 1 1",
        model=SEVERAL,
    ),
    case(
        "a complete closes all, at whatever operation",
        "0 arrive A \n 1 start B \n 2 complete A",
        "1 A 0 - - 2 completed - 0 0 2 0 0 0 \n 2 B 1 1 - 2 completed implied_arrive 0 1 0 1 0 0",
        "U completed - - 2 0",
        "A arrivals=1 departures=1 completed=1 \n B arrivals=1 departures=1 completed=1",
        model=SEVERAL,
    ),
    case(
        "a partial scrap closes nothing, a full one all",
        "0 arrive A q=3 \n 1 arrive B \n 2 scrap A scrap=1 \n 3 scrap A scrap=2",
        "1 A 0 - - 3 scrapped - 0 0 3 0 0 0 q=2 \n 2 B 1 - - 3 scrapped - 0 0 2 0 0 0 q=2",
        "U scrapped - - 2 0 q=2",
        model=SEVERAL,
    ),
    case(
        "an adjust to zero consumes all open visits",
        "0 arrive A q=3 \n 1 arrive B \n 2 adjust delta=-3",
        "1 A 0 - - 2 completed consumed 0 0 2 0 0 0 q=0 \n 2 B 1 - - 2 completed consumed 0 0 1 0 0 0 q=0",
        "U completed - - 2 0 q=0",
        model=SEVERAL,
    ),
    case(
        "at one instant open operations go in order of opening",
        "0 arrive B product=AB \n 1 arrive A \n 5 depart A \n 5 depart B",
        """1 B 0 - - 5 moved implied_finish|skipped_operation 0 0 5 0 0 0
        2 A 1 - - 5 moved backward|implied_finish 0 0 4 0 0 0""",
        "U completed - - 2 0",
        model=plant(products={"AB": "A B"}, presence="multiple"),
    ),
    case(
        "coming back while another visit stays open is rework, the position is that of the last visit opened",
        "0 arrive A product=P \n 1 arrive C \n 2 depart A \n 3 arrive A \n 4 arrive B",
        """1 A 0 - - 2 moved implied_finish 0 0 2 0 0 0
        2 C 1 - - - open skipped_operation 0 0
        3 A 3 - - - open backward|rework 0 0
        4 B 4 - - - open - 0 0""",
        "U in_process A|B|C queued|queued|queued 4 0",
        model=SEVERAL,
    ),
    case(
        "a product may stay at several operations though the plant's others do not",
        """0 arrive A product=P \n 1 arrive B \n 0 arrive A product=R u=V id=v1 \n 1 arrive B u=V id=v2""",
        """1 A 0 - - - open - 0 0 \n 2 B 1 - - - open - 0 0
        1 A 0 - - 1 moved implied_depart|implied_finish 0 0 1 0 0 0 unit_id=V
        2 B 1 - - - open skipped_operation 0 0 unit_id=V""",
        "U in_process A|B queued|queued 2 0 \n V in_process B queued 2 0",
        model=plant(product_presence={"P": "multiple"}),
    ),
]
