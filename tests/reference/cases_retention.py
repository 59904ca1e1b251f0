"""Hand-computed cases: units that ended longer than unit_retention ago, by the log's own time, are stubs."""

from .case import Case, case, plant

HOUR = plant(unit_retention="60m")
DONE = "0 arrive A \n 1 start A \n 2 finish A \n 3 complete"
DONE_ROW = "1 A 0 1 2 3 completed - 0 1 1 1 1 0"

RETENTION: list[Case] = [
    case(
        "longer than unit_retention after completion nothing is sorted in any more",
        f"{DONE} \n 63.1 arrive B u=V \n 1.5 hold A",
        f"{DONE_ROW} \n 1 B 63.1 - - - open - 0 0 unit_id=V",
        "U completed - - 1 0 \n V in_process B queued 1 0",
        verdicts="e6=too_late",
        model=HOUR,
        bounded=True,
    ),
    case(
        "exactly unit_retention after completion it still is",
        f"{DONE} \n 63 arrive B u=V \n 2.5 hold A",
        "1 A 0 1 2 3 completed - 0 1 1 1 0.5 0.5 \n 1 B 63 - - - open - 0 0 unit_id=V",
        "U completed - - 1 0 \n V in_process B queued 1 0",
        model=HOUR,
        bounded=True,
    ),
    case(
        "a unit in process is no stub however long it stays",
        "0 arrive A \n 1 start A \n 500 arrive B u=V \n 0.5 hold A",
        "1 A 0 1 - - open - 0 1 \n 1 B 500 - - - open - 0 0 unit_id=V",
        "U in_process A held 1 0 \n V in_process B queued 1 0",
        model=HOUR,
        bounded=True,
    ),
    case(
        "a stub goes on where it stood: reopened, rework, the next visit_seq",
        f"{DONE} \n 100 arrive B u=V \n 101 arrive A",
        f"{DONE_ROW} \n 2 A 101 - - - open reopened|rework 0 0 \n 1 B 100 - - - open - 0 0 unit_id=V",
        "U in_process A queued 2 0 \n V in_process B queued 1 0",
        model=HOUR,
    ),
    case(
        "a retry is too late, and so is what has the time of the unit's newest event",
        f"{DONE} id=x \n 100 arrive B u=V \n 3 complete id=x \n 3 arrive C",
        f"{DONE_ROW} \n 1 B 100 - - - open - 0 0 unit_id=V",
        "U completed - - 1 0 \n V in_process B queued 1 0",
        verdicts="x@6=too_late e7=too_late",
        model=HOUR,
        bounded=True,
    ),
    case(
        "routing position and product are kept",
        "0 arrive A product=P \n 1 complete \n 100 arrive A u=V \n 101 arrive C",
        """1 A 0 - - 1 completed - 0 0 1 0 0 0 product=P
        2 C 101 - - - open reopened|skipped_operation 0 0 product=P
        1 A 100 - - - open - 0 0 unit_id=V""",
        "U in_process C queued 2 0 \n V in_process A queued 1 0",
        model=plant(unit_retention="60m", products={"P": "A B C"}),
    ),
    case(
        "a stray of a stub is counted and moves the edge",
        f"{DONE} \n 100 arrive B u=V \n 101 depart A \n 100.5 arrive C",
        f"{DONE_ROW} \n 1 B 100 - - - open - 0 0 unit_id=V",
        "U completed - - 1 1 \n V in_process B queued 1 0",
        verdicts="e7=too_late",
        model=HOUR,
        bounded=True,
    ),
    case(
        "a void cannot reach into a stub",
        f"{DONE} \n 100 arrive B u=V \n 101 void voids=e4",
        f"{DONE_ROW} \n 1 B 100 - - - open - 0 0 unit_id=V",
        "U completed - - 1 0 \n V in_process B queued 1 0",
        model=HOUR,
        bounded=True,
    ),
    case(
        "what was forgotten is not remembered again under a longer retention",
        f"model 1 \n {DONE} \n 100 arrive B u=V \n model 2 \n 2.5 hold A",
        f"{DONE_ROW} \n 1 B 100 - - - open - 0 0 unit_id=V",
        "U completed - - 1 0 \n V in_process B queued 1 0",
        verdicts="e6=too_late",
        models={1: HOUR, 2: plant(unit_retention="30d")},
        bounded=True,
    ),
    case(
        "a unit whose history comes in later than that is a stub as soon as it is complete",
        f"500 arrive B u=V \n {DONE} \n 2.5 hold A",
        f"{DONE_ROW} \n 1 B 500 - - - open - 0 0 unit_id=V",
        "U completed - - 1 0 \n V in_process B queued 1 0",
        verdicts="e6=too_late",
        model=HOUR,
        bounded=True,
    ),
]
