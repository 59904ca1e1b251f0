"""aggregate reads the contract's partials and writes the contract's states."""

import json
from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from schemas.operations import OperationState, PlantState
from schemas.partials import OperationPartial, Partial, PlantPartial, SlotPartial
from services.adapters.aggregate_wire import decode_partial, operation_state, plant_state, scaled
from services.adapters.wire import decimal_text, value_text
from services.core.operations import Operations
from services.core.partials import Partials
from tests.partials import log_of, publish

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "floor.partials"
NEWEST = 1_795_400_000_000_000
KINDS: dict[str, type[Partial]] = {"op": OperationPartial, "sl": SlotPartial, "pt": PlantPartial}


@pytest.mark.parametrize(
    ("key", "name"),
    [("op|0|L1.OP10", "operation-partial"), ("sl|0|1|30|L1.OP10", "slot-partial"), ("pt|0", "plant-partial")],
)
def test_the_examples_are_read(key: str, name: str) -> None:
    partial = decode_partial(key.encode(), (EXAMPLES / f"{name}.json").read_bytes())
    assert (partial.generation, partial.partition, partial.offset) == (1, 0, 123)


def test_what_track_writes_is_the_contract_and_is_read() -> None:
    for key, value in publish(log_of(Random(1), 30, NEWEST), 2, Random(1)).sent:
        KINDS[key.decode().split("|")[0]].model_validate_json(value)
        decode_partial(key, value)


def test_what_is_published_is_the_contract() -> None:
    partials = Partials()
    for key, value in publish(log_of(Random(2), 30, NEWEST), 2, Random(2)).sent:
        partials.put(decode_partial(key, value))
    operations = Operations(partials)
    for name in partials.operations:
        OperationState.model_validate_json(operation_state(operations.state(name, NEWEST)))
    PlantState.model_validate_json(plant_state(operations.plant(NEWEST)))


def test_a_state_of_an_operation_nobody_was_at_is_the_contract() -> None:
    state = json.loads(operation_state(Operations(Partials()).state("A", NEWEST)))
    try:
        OperationState.model_validate(state)
    except ValidationError as error:
        pytest.fail(str(error))
    assert state["windows"]["8h"]["dwell_us"] == {"p50": None, "p85": None, "p95": None}


@pytest.mark.parametrize("number", [0, 1, -1, 1_500_000, -1_000_001, 10**40 + 1])
def test_decimals_come_back_as_they_were(number: int) -> None:
    assert scaled(decimal_text(number), 6) == number
    assert scaled(value_text(number), 12) == number


@pytest.mark.parametrize("text", ["", "1e3", ".5", "1.", "+1", "--1", "1.0000001", "NaN", "١", " 1"])
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal of at most 6 places"):
        scaled(text, 6)
