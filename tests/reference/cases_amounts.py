"""Hand-computed cases: quantity, partial scrap, adjust, product, work unit."""

from .case import Case, case

AMOUNTS: list[Case] = [
    case(
        "a quantity on a repeat and on the depart counts",
        "0 arrive A q=10 \n 1 arrive A q=8 \n 2 depart A q=7",
        "1 A 0 - - 2 moved implied_finish 1 0 2 0 0 0 q=7",
        "U in_transit - - 1 0 q=7",
    ),
    case(
        "a quantity on a stray or on a hold does not count",
        "0 arrive A q=10 \n 1 depart B q=3 \n 2 hold A q=4",
        "1 A 0 - - - open - 0 0 q=10",
        "U in_process A held 1 1 q=10",
    ),
    case(
        "a quantity is set before the arrival closes the visit elsewhere",
        "0 arrive A q=10 \n 1 arrive B q=4",
        """1 A 0 - - 1 moved implied_depart|implied_finish 0 0 1 0 0 0 q=4
        2 B 1 - - - open - 0 0 q=4""",
        "U in_process B queued 2 0 q=4",
    ),
    case(
        "a partial scrap only lowers the quantity, in transit too; all that is left is a full one",
        "0 arrive A q=10 \n 1 scrap B scrap=4 \n 2 depart A \n 3 scrap scrap=2 \n 4 scrap scrap=4",
        "1 A 0 - - 2 moved implied_finish 0 0 2 0 0 0 q=6",
        "U scrapped - - 1 0 q=4",
    ),
    case(
        "a partial scrap of a unit never seen or completed is a stray",
        "0 scrap A scrap=0.5 \n 1 arrive A q=5 \n 2 complete \n 3 scrap scrap=1",
        "1 A 1 - - 2 completed - 0 0 1 0 0 0 q=5",
        "U completed - - 1 2 q=5",
    ),
    case(
        "scrap_quantity on finish and depart is recorded only",
        "0 arrive A q=10 \n 1 finish A scrap=3 \n 2 depart A scrap=10",
        "1 A 0 0 1 2 moved implied_start 0 1 0 1 1 0 q=10",
        "U in_transit - - 1 0 q=10",
    ),
    case(
        "an adjust to zero consumes the unit",
        "0 arrive A q=5 \n 1 adjust delta=-2 \n 2 start A \n 3 adjust delta=-3",
        "1 A 0 2 - 3 completed consumed 0 1 2 1 0 0 q=0",
        "U completed - - 1 0 q=0",
        "A arrivals=1 departures=1 completed=1",
    ),
    case(
        "an adjust consumes a unit in transit without touching a visit",
        "0 arrive A \n 1 depart A \n 2 adjust delta=-1",
        "1 A 0 - - 1 moved implied_finish 0 0 1 0 0 0",
        "U completed - - 1 0 q=0",
    ),
    case(
        "an adjust of a unit never seen or completed only changes its quantity",
        "0 adjust delta=-1 \n 1 arrive A \n 2 complete \n 3 adjust delta=-5",
        "1 A 1 - - 2 completed - 0 0 1 0 0 0 q=0",
        "U completed - - 1 0 q=-5",
    ),
    case("a unit that was only adjusted is unseen", "0 adjust delta=4", "", "U unseen - - 0 0 q=5"),
    case(
        "the product named by the earliest event holds for the whole life",
        "2 arrive C product=Q \n 1 arrive B product=P",
        """1 B 1 - - 2 moved implied_depart|implied_finish|skipped_operation 0 0 1 0 0 0 product=P
        2 C 2 - - - open - 0 0 product=P""",
        "U in_process C queued 2 0",
    ),
    case(
        "a product named late is judged from the first visit",
        "0 arrive B \n 1 depart B \n 2 hold product=P",
        "1 B 0 - - 1 moved implied_finish|skipped_operation 0 0 1 0 0 0 product=P",
        "U in_transit - - 1 1",
    ),
    case(
        "at one instant the product is named by the lowest rank",
        "0 start B product=Q \n 0 arrive B product=P",
        "1 B 0 0 - - open skipped_operation 0 1 product=P",
        "U in_process B running 1 0",
    ),
    case(
        "a stray names the product, a voided event does not",
        "0 arrive X product=Q id=x \n 0 void voids=x \n 1 depart A product=P \n 2 arrive B",
        "1 B 2 - - - open skipped_operation 0 0 product=P",
        "U in_process B queued 1 1",
    ),
    case(
        "the work unit is the last named by the visit's arrive or start, not by its finish or depart",
        "0 arrive A wu=W1 \n 1 start A wu=W2 \n 2 finish A wu=W3 \n 3 depart A wu=W4",
        "1 A 0 1 2 3 moved - 0 1 1 1 1 0 wu=W2",
        "U in_transit - - 1 0",
    ),
    case(
        "a start that names none keeps the work unit, a second start may change it",
        "0 arrive A wu=W1 \n 1 start A \n 2 finish A \n 3 start A wu=W2",
        "1 A 0 1 2 - open - 0 2 wu=W2",
        "U in_process A running 1 0",
    ),
]
