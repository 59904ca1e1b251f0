"""Hand-computed cases: duplicates, voids, refusals, read points, versions of the plant model."""

from .case import Case, case, plant

IDENTITY: list[Case] = [
    case(
        "a retry is a duplicate, other content conflicts and the first wins",
        "0 arrive A id=x \n 0 arrive A id=x \n 0 start A id=x \n 5 arrive A id=x",
        "1 A 0 - - - open - 0 0 id=x",
        "U in_process A queued 1 0",
        verdicts="x@2=duplicate x@3=conflicting_duplicate x@4=conflicting_duplicate",
    ),
    case(
        "a retry may be recorded, corrected and staffed otherwise",
        """1 arrive A id=x dev=0 rec=1 wu=W1 operator=o1
        2 arrive A id=x dev=0 rec=2 wu=W2 operator=o2
        0 arrive A id=x""",
        "1 A 1 - - - open - 0 0 wu=W1",
        "U in_process A queued 1 0",
        verdicts="x@2=duplicate x@3=duplicate",
    ),
    case(
        "quantities are compared by value, other content as it stands",
        """0 arrive A id=x q=1.50 order=o1 parent_ids=V,W
        0 arrive A id=x q=1.5 order=o1 parent_ids=V,W
        0 arrive A id=x q=1.5 order=o2 parent_ids=V,W""",
        "1 A 0 - - - open - 0 0 q=1.5",
        "U in_process A queued 1 0",
        verdicts="x@2=duplicate x@3=conflicting_duplicate",
    ),
    case(
        "other parents conflict, so do other voids",
        """0 arrive A id=x parent_ids=V,W \n 0 arrive A id=x parent_ids=V
        1 void voids=a id=y \n 1 void voids=x id=y""",
        "1 A 0 - - - open - 0 0",
        "U in_process A queued 1 0",
        verdicts="x@2=conflicting_duplicate y@4=conflicting_duplicate",
    ),
    case(
        "identity is per unit",
        "0 arrive A id=x \n 1 arrive B id=x u=V",
        "1 A 0 - - - open - 0 0 \n 1 B 1 - - - open - 0 0 unit_id=V",
        "U in_process A queued 1 0 \n V in_process B queued 1 0",
    ),
    case(
        "a void takes an event out",
        "0 arrive A \n 1 arrive B \n 1 void voids=e2",
        "1 A 0 - - - open - 0 0",
        "U in_process A queued 1 0",
    ),
    case(
        "a void may come before its target, and name nothing",
        "1 void voids=e3 \n 0 arrive A \n 1 arrive B \n 2 void voids=nothing",
        "1 A 0 - - - open - 0 0",
        "U in_process A queued 1 0",
    ),
    case(
        "a void cannot be voided, the event is sent again under a new id",
        "0 arrive A \n 0 void voids=e1 \n 0 void voids=e2 \n 0 arrive A id=new",
        "1 A 0 - - - open - 0 0 id=new",
        "U in_process A queued 1 0",
    ),
    case("a unit whose only event is voided has no row", "0 arrive A \n 0 void voids=e1", "", "", ""),
    case("a unit with voids only has no row", "0 void voids=e9", "", "", ""),
    case(
        "a voided event sent again under its own id is a duplicate",
        "0 arrive A id=x \n 0 void voids=x id=v \n 0 arrive A id=x",
        verdicts="x@3=duplicate",
    ),
    case(
        "another unit's event is not voided",
        "0 arrive A id=x \n 0 void voids=x u=V id=v",
        "1 A 0 - - - open - 0 0",
        "U in_process A queued 1 0",
    ),
    case(
        "unknown read point and unknown operation",
        "0 - - rp=NO \n 0 arrive NO \n 0 hold NO \n 0 arrive A",
        "1 A 0 - - - open - 0 0",
        "U in_process A queued 1 0",
        verdicts="e1=unknown_read_point e2=unknown_operation e3=unknown_operation",
    ),
    case(
        "more than max_clock_ahead after its recorded time; mended, it is taken",
        "5.1 arrive A id=x rec=0 \n 5 arrive B id=y rec=0 \n 9 depart B id=z \n 5.1 arrive A id=x rec=1",
        """1 B 5 - - 5.1 moved implied_depart|implied_finish 0 0 0.1 0 0 0
        2 A 5.1 - - - open - 0 0""",
        "U in_process A queued 2 1",
        verdicts="x@1=clock_ahead",
    ),
    case(
        "malformed",
        """0 jump A \n 0 arrive \n 0 - A \n 0 arrive A q=-1 \n 0 scrap A scrap=0 \n 0 finish A scrap=-1
        0 adjust \n 0 void \n - arrive A \n - arrive A time=2026-11-23T06:00:60Z
        - arrive A time=1999-12-31T23:59:59Z \n - arrive A time=2026-11-23T06:00:00
        0 arrive A q=1.0000001 \n 0 arrive A q=1234567890123456789 \n 0 finish A scrap=0""",
        "1 A 0 0 0 - open implied_arrive|implied_start 0 1",
        "U in_process A finished 1 0",
        verdicts=" ".join(f"e{n}=malformed" for n in range(1, 15)),
    ),
    case(
        "a read point gives operation, action and work unit; an explicit value wins",
        "0 - rp=A-IN \n 2 start rp=A-IN \n 3 arrive B rp=A-IN \n 4 arrive C rp=A-IN wu=W9",
        """1 A 0 2 - 3 moved implied_depart|implied_finish 0 1 2 1 0 0 wu=A-1
        2 B 3 - - 4 moved implied_depart|implied_finish 0 0 1 0 0 0 wu=A-1
        3 C 4 - - - open - 0 0 wu=W9""",
        "U in_process C queued 3 0",
    ),
    case(
        "before any marker everything is refused",
        "0 arrive A \n 0 - rp=A-IN \n model 1 \n 1 arrive A",
        "1 A 1 - - - open - 0 0",
        "U in_process A queued 1 0",
        verdicts="e1=unknown_operation e2=unknown_read_point",
    ),
    case(
        "a version holds for the records after its marker, a lower marker is ignored",
        "model 1 \n 0 arrive Z \n model 2 \n 1 arrive Z \n model 1 \n 2 depart Z \n 3 arrive X",
        "1 Z 1 - - 2 moved implied_finish 0 0 1 0 0 0",
        "U in_transit - - 1 0",
        operations="Z arrivals=1 departures=1",
        models={1: plant(), 2: plant("A B C Z")},
        verdicts="e1=unknown_operation e4=unknown_operation",
    ),
    case(
        "flags by the version of the opening event, completion by that of the depart",
        """model 1 \n 0 arrive A product=P \n 1 depart A \n model 2 \n 2 arrive B \n 3 depart B
        model 3 \n 4 arrive C \n 5 depart C""",
        """1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0
        2 B 2 - - 3 moved implied_finish|skipped_operation 0 0 1 0 0 0
        3 C 4 - - 5 completed implied_finish|backward 0 0 1 0 0 0""",
        "U completed - - 3 0",
        models={
            1: plant(products={"P": "A B C"}),
            2: plant(products={"P": "A X B C"}),
            3: plant(products={"P": "A C"}),
        },
    ),
    case(
        "what was the last operation when the unit departed stays the last",
        "model 1 \n 0 arrive B product=P \n 1 depart B \n model 2 \n 2 depart B",
        "1 B 0 - - 1 completed implied_finish|skipped_operation 0 0 1 0 0 0",
        "U completed - - 1 1",
        models={1: plant(products={"P": "A B"}), 2: plant(products={"P": "A B C"})},
    ),
    case(
        "presence is that of the version in force at the unit's first accepted event, not of the first version",
        "model 1 \n 0 arrive NO \n model 2 \n 0 arrive A \n 1 arrive B",
        "1 A 0 - - - open - 0 0 \n 2 B 1 - - - open - 0 0",
        "U in_process A|B queued|queued 2 0",
        verdicts="e1=unknown_operation",
        models={1: plant(), 2: plant(presence="multiple")},
    ),
    case(
        "presence is that of the lowest version among the accepted events",
        "model 1 \n 5 start B \n model 2 \n 0 start A",
        """1 A 0 0 - 5 moved implied_arrive|implied_depart|implied_finish 0 1 0 5 0 0
        2 B 5 5 - - open implied_arrive 0 1""",
        "U in_process B running 2 0",
        models={1: plant(), 2: plant(presence="multiple")},
    ),
]
