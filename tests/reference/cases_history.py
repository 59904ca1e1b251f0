"""Hand-computed cases: the kept history, its edge, and what comes too late. They hold for the bounded fold."""

from .case import Case, case, plant

HISTORY: list[Case] = [
    case(
        "beyond history_events the oldest instant is absorbed; behind the edge is too late, before it is not",
        "0 arrive A \n 1 start A \n 2 finish A \n 3 depart A \n 0 arrive B \n 0.5 arrive X \n 0.5 depart X",
        """1 A 0 - - 0.5 moved implied_depart|implied_finish 0 0 0.5 0 0 0
        2 X 0.5 - - 1 moved implied_depart|implied_finish 0 0 0.5 0 0 0
        3 A 1 1 2 3 moved implied_arrive|rework 0 1 0 1 1 0""",
        "U in_transit - - 3 0",
        verdicts="e5=too_late e7=too_late",
        model=plant(history_events=3),
        bounded=True,
    ),
    case(
        "a late event within the kept history is sorted in",
        "0 arrive A \n 1 start A \n 3 depart A \n 2 finish A",
        "1 A 0 1 2 3 moved - 0 1 1 1 1 0",
        "U in_transit - - 1 0",
        model=plant(history_events=3),
    ),
    case(
        "more than history_horizon before the newest is absorbed, exactly that is kept",
        "0 arrive A id=a \n 60 start A id=b \n 0 start A id=c \n 61 finish A id=d \n 0 arrive B id=e",
        "1 A 0 0 61 - open - 1 1",
        "U in_process A finished 1 0",
        verdicts="e=too_late",
        model=plant(history_horizon="60m"),
        bounded=True,
    ),
    case(
        "an instant goes as a whole",
        "0 arrive A \n 0 start A \n 0 hold A \n 1 release A \n 0 depart A \n 1 depart A",
        "1 A 0 0 - 1 moved implied_finish 0 1 0 0 0 1",
        "U in_transit - - 1 0",
        verdicts="e5=too_late",
        model=plant(history_events=3),
        bounded=True,
    ),
    case(
        "the newest instant is never absorbed and keeps four times history_events",
        "0 arrive A id=a \n 0 start A id=b \n 0 hold A id=c \n 0 finish A id=d \n 0 depart A id=e \n 0 hold A id=c",
        "1 A 0 0 0 - open - 0 1",
        "U in_process A held 1 0",
        verdicts="e=too_late c@6=duplicate",
        model=plant(history_events=1),
        bounded=True,
    ),
    case(
        "a retry of an absorbed event is too late",
        "0 arrive A id=x \n 1 start A \n 2 finish A \n 0 arrive A id=x",
        "1 A 0 1 2 - open - 0 1",
        "U in_process A finished 1 0",
        verdicts="x@4=too_late",
        model=plant(history_events=2),
        bounded=True,
    ),
    case(
        "a voided event and its void count as kept and leave together",
        "0 arrive B id=x \n 0 void voids=x \n 1 arrive A \n 2 start A \n 0 arrive X",
        "1 A 1 2 - - open - 0 1",
        "U in_process A running 1 0",
        verdicts="e5=too_late",
        model=plant(history_events=3),
        bounded=True,
    ),
    case(
        "a void behind the edge is too late, the absorbed visit stays",
        "0 arrive A id=x \n 1 start A \n 2 finish A \n 0 void voids=x",
        "1 A 0 1 2 - open - 0 1 id=x",
        "U in_process A finished 1 0",
        verdicts="e4=too_late",
        model=plant(history_events=2),
        bounded=True,
    ),
    case(
        "a product first named after the edge leaves absorbed flags alone",
        "0 arrive B \n 1 depart B \n 2 arrive X \n 3 depart X \n 4 arrive C product=P \n 5 arrive A",
        """1 B 0 - - 1 moved implied_finish 0 0 1 0 0 0 product=-
        2 X 2 - - 3 moved implied_finish 0 0 1 0 0 0 product=P
        3 C 4 - - 5 moved implied_depart|implied_finish|skipped_operation 0 0 1 0 0 0 product=P
        4 A 5 - - - open backward 0 0 product=P""",
        "U in_process A queued 4 0",
        model=plant(history_events=2),
        bounded=True,
    ),
    case(
        "a product named by a kept event judges the instant that leaves",
        "0 arrive B \n 2 depart B product=P \n 3 arrive X",
        """1 B 0 - - 2 moved implied_finish|skipped_operation 0 0 2 0 0 0 product=P
        2 X 3 - - - open - 0 0 product=P""",
        "U in_process X queued 2 0",
        model=plant(history_events=2),
    ),
    case(
        "a product named by an absorbed event stays",
        "0 arrive X product=Q \n 1 depart X \n 2 arrive B product=P",
        "1 X 0 - - 1 moved implied_finish 0 0 1 0 0 0 product=Q \n 2 B 2 - - - open - 0 0 product=Q",
        "U in_process B queued 2 0",
        model=plant(history_events=1),
    ),
    case(
        "in transit, held and counted states are carried by the head",
        "0 arrive A q=9 \n 1 hold A \n 2 start A \n 3 finish A \n 4 arrive A \n 5 release A \n 6 depart A\n7 depart A",
        "1 A 0 2 3 6 moved - 1 1 1 0 1 4 q=9",
        "U in_transit - - 1 1 q=9",
        model=plant(history_events=1),
    ),
]
