"""The plant file: what is wrong is found with its line and key, all at once; what is right survives every road."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.plant import PlantError, dump, load_plant
from schemas.plant_values import WEEKDAYS, duration_text, duration_us
from services.core.equipment import PlantModel

HEAD = """\
site: {id: SH1, time_zone: Asia/Shanghai}
areas:
  - id: SMT
    work_centers:
      - id: L1
        work_units: [PRINT, PLACE]
        operations:
          - {id: OP10, wip_limit: 40, wip_min: 2, dwell_limit: 15m}
          - {id: OP20}
        read_points:
          - {id: IN, operation: OP10, action: arrive, work_unit: PRINT}
products: [{id: P, unit_cost: 12.50, currency: CNY, routing: [OP10, OP20]}]
"""
TRACKING = "tracking: {presence: single, max_clock_ahead: 5m, history_events: 32}\n"
SOURCES = 'sources: {mes: {time_zone: Asia/Shanghai, time_format: "%Y-%m-%d %H:%M:%S"}}\n'
CALENDAR = """\
calendars:
  two_shift:
    week: mon-sat
    shifts:
      - {id: A, from: 08:00, to: 20:00, breaks: [[12:00, 13:00]]}
      - {id: B, from: "20:00", to: "08:00"}
    exceptions:
      - {date: 2026-10-01, off: true}
      - {date: 2026-10-10, as: sat}
"""
CENTER = "areas[0].work_centers[0]"
COUNTED = "counted: {in: [{work_unit: PRINT}], out: [{work_unit: PLACE, counter: good}], baseline: 4}"
COUNTED_AT = f"{CENTER}.operations[1].counted"

# what is replaced, by what, the line and the key of the error, a word of its message
CASES = [
    ("presence: single", "presence: sometimes", 1, "tracking.presence", "'single' or 'multiple'"),
    ("max_clock_ahead: 5m", "max_clok_ahead: 5m", 1, "tracking.max_clok_ahead", "`max_clock_ahead`"),
    ("max_clock_ahead: 5m", "max_clock_ahead: 5", 1, "tracking.max_clock_ahead", "duration"),
    ("max_clock_ahead: 5m", "max_clock_ahead: 5 min", 1, "tracking.max_clock_ahead", "duration"),
    ("max_clock_ahead: 5m", "history_horizon: 0s", 1, "tracking.history_horizon", "longer than 0"),
    ("history_events: 32", "history_events: 0", 1, "tracking.history_events", "whole number from 1"),
    ("{mes: {time_zone: Asia/Shanghai", "{mes: {time_zone: Asia/Shangai", 2, "sources.mes.time_zone", "Asia/Shanghai"),
    ("{mes: {time_zone: Asia/Shanghai, ", "{mes: {", 2, "sources.mes.time_format", "time_zone"),
    ('"%Y-%m-%d %H:%M:%S"', '"%Y-%m-%d"', 2, "sources.mes.time_format", "pattern"),
    ("week: mon-sat", "week: mon-satur", 5, "calendars.two_shift.week", "mon, tue"),
    ("week: mon-sat", "week: [mon, mon]", 5, "calendars.two_shift.week", "weekdays"),
    ("from: 08:00", "from: 8am", 7, "calendars.two_shift.shifts[0].from", "time of day"),
    ("to: 20:00", "too: 20:00", 7, "calendars.two_shift.shifts[0].too", "`to`"),
    ("[[12:00, 13:00]]", "[[07:00, 13:00]]", 7, "calendars.two_shift.shifts[0].breaks[0]", "inside"),
    ("[[12:00, 13:00]]", "[[12:00]]", 7, "calendars.two_shift.shifts[0].breaks[0]", "pair"),
    ('"20:00", to: "08:00"', '"19:00", to: "08:00"', 8, "calendars.two_shift.shifts[1]", "overlaps"),
    ("{id: B", "{id: A", 8, "calendars.two_shift.shifts[1].id", "already"),
    ("off: true}", "off: maybe}", 10, "calendars.two_shift.exceptions[0].off", "true or false"),
    ("off: true}", "off: true, as: mon}", 10, "calendars.two_shift.exceptions[0].as", "either"),
    ("date: 2026-10-10", "date: 2026-10-01", 11, "calendars.two_shift.exceptions[1].date", "already"),
    ("date: 2026-10-10", "date: 2026-13-10", 11, "calendars.two_shift.exceptions[1].date", "date"),
    ("as: sat", "as: saturday", 11, "calendars.two_shift.exceptions[1].as", "weekday"),
    (", time_zone: Asia/Shanghai}\nareas", "}\nareas", 3, "calendars", "time_zone"),
    ("id: SMT", "name: SMT", 14, "areas[0].id", "required"),
    ("id: SMT", "id: SMT\n    id: X", 15, "areas[0].id", "twice (first in line 14)"),
    ("- id: L1\n", "- id: L1\n        calendar: two_shifts\n", 17, f"{CENTER}.calendar", "`two_shift`"),
    ("[PRINT, PLACE]", "[PRINT, PRINT]", 17, f"{CENTER}.work_units[1]", "already"),
    ("[PRINT, PLACE]", "PRINT", 17, f"{CENTER}.work_units", "list"),
    ("wip_min: 2", "wip_min: 41", 19, f"{CENTER}.operations[0].wip_min", "above wip_limit 40"),
    ("wip_limit: 40", "wip_limit: -1", 19, f"{CENTER}.operations[0].wip_limit", "whole number"),
    ("wip_limit: 40", "wip_limit: 4.5", 19, f"{CENTER}.operations[0].wip_limit", "whole number"),
    ("dwell_limit: 15m", "dwell_limit: 15", 19, f"{CENTER}.operations[0].dwell_limit", "duration"),
    ("dwell_limit: 15m", "dwell_limit_clock: working", 19, f"{CENTER}.operations[0].dwell_limit_clock", "calendar"),
    ("- {id: OP20}", "- {id: OP10}", 20, f"{CENTER}.operations[1].id", "line 19"),
    ("- {id: OP20}", "- {id: OP20}\n          - OP30", 21, f"{CENTER}.operations[2]", "mapping"),
    ("- {id: OP20}", "- {id: OP20}\n          - {id: A|B}", 21, f"{CENTER}.operations[2].id", "`|`"),
    ("- {id: OP20}", '- {id: OP20}\n          - {id: "A\\x01B"}', 21, f"{CENTER}.operations[2].id", "U+0001"),
    (
        "{id: OP20}",
        f"{{id: OP20, {COUNTED}}}".replace("PLACE", "PLACER"),
        20,
        f"{COUNTED_AT}.out[0].work_unit",
        "`PLACE`",
    ),
    ("{id: OP20}", f"{{id: OP20, {COUNTED}}}".replace("PLACE", "PRINT"), 20, f"{COUNTED_AT}.out[0]", "already"),
    ("{id: OP20}", f"{{id: OP20, {COUNTED}}}".replace(": 4", ": few"), 20, f"{COUNTED_AT}.baseline", "whole number"),
    ("{id: OP20}", "{id: OP20, counted: {out: []}}", 20, f"{COUNTED_AT}.in", "required"),
    ("PRINT, PLACE]", "PRINT, {id: PLACE, states: {hold: down}}]", 17, f"{CENTER}.work_units[1].states.hold", "'held'"),
    ("PRINT, PLACE]", "PRINT, {id: PLACE, states: {held: idle}}]", 17, f"{CENTER}.work_units[1].states.held", "'down'"),
    ("operation: OP10", "operation: OP11", 22, f"{CENTER}.read_points[0].operation", "`OP10`"),
    ("work_unit: PRINT", "work_unit: PRINTER", 22, f"{CENTER}.read_points[0].work_unit", "`PRINT`"),
    ("action: arrive", "action: arrived", 22, f"{CENTER}.read_points[0].action", "'arrive'"),
    ("action: arrive", "action: adjust", 22, f"{CENTER}.read_points[0].operation", "no operation"),
    ("operation: OP10, action: arrive, work_unit: PRINT", "", 22, f"{CENTER}.read_points[0]", "operation, action"),
    ("[OP10, OP20]", "[OP10, OP30]", 23, "products[0].routing[1]", "unknown operation"),
    ("[OP10, OP20]", "[OP10, OP20, OP10]", 23, "products[0].routing[2]", "twice"),
    ("unit_cost: 12.50", "unit_cost: -1", 23, "products[0].unit_cost", "not negative"),
    ("unit_cost: 12.50", "unit_cost: 0.1234567", 23, "products[0].unit_cost", "6 of them"),
    ("unit_cost: 12.50, ", "", 23, "products[0].currency", "unit_cost"),
    ("currency: CNY", "currency: yuan", 23, "products[0].currency", "A-Z"),
    ("products:", "product:", 23, "product", "`products`"),
    ("products: [", "products: [{id: P}, ", 23, "products[1].id", "already"),
    ("products: [", "\tproducts: [", 23, "(file)", "tab"),
    ("products: [", "products: [[", 24, "(file)", "YAML"),
    ("products: [", "--- \nproducts: [", 23, "(file)", "second document"),
    ("id: SH1", "id: !!python/name:os.system SH1", 12, "site.id", "tag"),
    ("id: SH1", "id: SH1, name: &n [*n]", 12, "site.name[0]", "itself"),
]


def problems_of(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(PlantError) as refused:
        load_plant(text)
    assert all(problem.zh for problem in refused.value.problems)
    return [(problem.line, problem.key, problem.en) for problem in refused.value.problems]


@pytest.mark.parametrize(("old", "new", "line", "key", "word"), CASES, ids=lambda value: str(value)[:40])
def test_error_has_its_line_and_key(old: str, new: str, line: int, key: str, word: str) -> None:
    good = TRACKING + SOURCES + CALENDAR + HEAD
    assert old in good
    found = problems_of(good.replace(old, new, 1))
    assert (line, key) in [(at, path) for at, path, _ in found]
    assert word in next(en for at, path, en in found if (at, path) == (line, key))


def test_the_text_of_the_cases_is_good() -> None:
    assert load_plant(TRACKING + SOURCES + CALENDAR + HEAD)["site"]["id"] == "SH1"


def test_states_and_counters_are_in_the_canonical_document() -> None:
    text = HEAD.replace("PLACE]", "{id: PLACE, states: {suspended: blocked, stopped: off}}]")
    model = load_plant(text.replace("{id: OP20}", f"{{id: OP20, {COUNTED}}}"))
    assert [unit["states"] for unit in model["work_units"]] == [{}, {"suspended": "blocked", "stopped": "off"}]
    assert model["operations"][1]["counted"] == {
        "in": [{"work_unit": "PRINT", "counter": "good"}],
        "out": [{"work_unit": "PLACE", "counter": "good"}],
        "baseline": 4,
    }
    assert load_plant(dump(model)) == model


def test_all_errors_are_found_at_once() -> None:
    text = HEAD.replace("wip_min: 2", "wip_min: 99").replace("arrive", "arived").replace("12.50", "cheap")
    assert {key for _, key, _ in problems_of(text)} == {
        f"{CENTER}.operations[0].wip_min",
        f"{CENTER}.read_points[0].action",
        "products[0].unit_cost",
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "just words", "[]", "areas: []", "areas: [{id: A}]", "areas: x"])
def test_a_file_without_operations_is_an_error(text: str) -> None:
    assert problems_of(text)


def test_nested_too_deeply_is_an_error_not_a_crash() -> None:
    assert "deep" in problems_of("[" * 5000)[0][2]


def test_an_alias_repeated_without_end_is_refused() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert any("more than" in en for _, _, en in problems_of(bomb))


def test_canonical_document_has_every_default() -> None:
    model = load_plant("areas: [{id: A, work_centers: [{id: C, operations: [{id: O}]}]}]")
    name = {"en": "O", "zh": "O"}
    assert model["tracking"] == {
        "presence": "single",
        "max_clock_ahead_us": 300_000_000,
        "max_clock_skew_us": 2_000_000,
        "history_events": 32,
        "history_horizon_us": 86_400_000_000,
        "unit_retention_us": 2_592_000_000_000,
    }
    assert model["operations"] == [
        {
            "id": "O", "name": name, "area": "A", "work_center": "C", "wip_limit": None, "wip_min": None,
            "dwell_limit_us": None, "dwell_limit_clock": "wall", "standard_time_us": None,
            "counted": None,
        }
    ]  # fmt: skip
    assert [model[key] for key in ("sources", "calendars", "work_units", "read_points", "products")] == [
        {}, {}, [], [], [],
    ]  # fmt: skip


def test_the_rules_read_the_canonical_document() -> None:
    model = PlantModel.from_document(load_plant(TRACKING + SOURCES + CALENDAR + HEAD))
    assert list(model.operations) == ["OP10", "OP20"]
    assert model.operations["OP10"].dwell_limit == 900_000_000
    assert model.unit_costs == {"P": 12_500_000}
    assert model.position("P", "OP20") == 1


@pytest.mark.parametrize(
    "word", ["no", "on", "Y", "0010", "08:00", "1e3", "1_000", "2026-10-01", "0x1F", ".5", "=", "<<"]
)
def test_yaml_words_that_look_like_something_else_stay_ids(word: str) -> None:
    model = load_plant(f"areas: [{{id: A, work_centers: [{{id: C, operations: [{{id: {word}}}]}}]}}]")
    assert model["operations"][0]["id"] == word
    assert load_plant(dump(model)) == model


def test_unquoted_times_and_the_key_off_mean_what_they_say() -> None:
    calendar = load_plant(TRACKING + SOURCES + CALENDAR + HEAD)["calendars"]["two_shift"]
    assert calendar["shifts"][0]["from"] == "08:00"
    assert calendar["shifts"][0]["breaks"] == [["12:00", "13:00"]]
    assert calendar["exceptions"][0] == {"date": "2026-10-01", "off": True, "as": None, "add": []}


@pytest.mark.parametrize("week", ["mon–sat", "mon-sat", "mon, tue-sat", "[mon, tue, wed, thu, fri, sat]", "MON-SAT"])
def test_ways_to_write_a_week(week: str) -> None:
    text = TRACKING + SOURCES + CALENDAR.replace("mon-sat", week) + HEAD
    assert load_plant(text)["calendars"]["two_shift"]["week"] == list(WEEKDAYS[:6])


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert load_plant("\ufeff" + HEAD.replace("\n", "\r\n")) == load_plant(HEAD)


@given(st.integers(0, 36_500 * 86_400_000_000))
def test_any_duration_survives_its_text(us: int) -> None:
    assert duration_us(duration_text(us)) == us


WORD = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="|"), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)
DURATION = st.integers(1, 10**12).map(duration_text)
NAME = st.one_of(WORD, st.fixed_dictionaries({}, optional={"en": WORD, "zh": WORD}))


@st.composite
def plants(draw: st.DrawFn) -> dict[str, Any]:
    """A plant file as a plain value, with references that lead somewhere."""
    ids = draw(st.lists(WORD, min_size=1, max_size=6, unique_by=lambda text: load_id(text)))
    limits = {"wip_limit": st.integers(5, 99), "wip_min": st.integers(0, 5), "dwell_limit": DURATION, "name": NAME}
    operations = [{"id": name, **draw(st.fixed_dictionaries({}, optional=limits))} for name in ids]
    split = draw(st.integers(0, len(ids)))
    centers: list[dict[str, Any]] = [
        {"id": f"C{number}", "name": draw(NAME), "calendar": "week", "work_units": [f"U{number}"], "operations": part}
        for number, part in enumerate((operations[:split], operations[split:]))
    ]
    centers[0]["read_points"] = [{"id": f"R{n}", "operation": name, "action": "start"} for n, name in enumerate(ids)]
    routing = draw(st.permutations(ids))[: draw(st.integers(0, len(ids)))]
    product = {"id": draw(WORD), "unit_cost": str(draw(st.decimals(0, 10**9, places=4))), "routing": routing}
    begin = draw(st.integers(0, 23))
    shift = {"id": "A", "from": f"{begin:02d}:00", "to": f"{(begin + 8) % 24:02d}:00"}
    difference: dict[str, Any] = draw(st.sampled_from([{"off": True}, {"as": "sun"}, {"add": [["22:00", "23:00"]]}]))
    exception = {"date": str(draw(st.dates())), **difference}
    return {
        "tracking": {"presence": draw(st.sampled_from(["single", "multiple"])), "history_horizon": draw(DURATION)},
        "site": {"id": draw(WORD), "time_zone": "Europe/Berlin"},
        "sources": {draw(WORD): {"time_format": draw(st.sampled_from(["rfc3339", "epoch_ms"]))}},
        "calendars": {"week": {"week": draw(st.sampled_from(WEEKDAYS)), "shifts": [shift], "exceptions": [exception]}},
        "areas": [{"id": "A", "work_centers": centers}, {"id": "B", "name": draw(NAME)}],
        "products": [product],
    }


def load_id(text: str) -> str:
    """The text as a plant file reads it, so that two ids are not one after trimming."""
    plant = {"areas": [{"id": "A", "work_centers": [{"id": "C", "operations": [{"id": text}]}]}]}
    found: str = load_plant(yaml.safe_dump(plant))["operations"][0]["id"]
    return found


@settings(max_examples=60)
@given(plants())
def test_a_plant_survives_dump_and_load(plant: dict[str, Any]) -> None:
    model = load_plant(yaml.safe_dump(plant, allow_unicode=True))
    assert load_plant(dump(model)) == model


@settings(max_examples=200)
@given(st.text(st.sampled_from("a:-[]{}&*!|>'\"%@`#,? \n\t0~"), max_size=40))
def test_any_text_is_a_plant_or_a_list_of_problems(text: str) -> None:
    assert problems_of(text)


@pytest.mark.parametrize(
    ("alerting", "says"),
    [
        ("rules: [{id: r, measure: wip_above, operation: OP1}]", "wip_above needs `wip`"),
        ("rules: [{id: r, measure: machine_down_for, operation: OP1, time: 5m}]", "machine_down_for needs `work_unit`"),
        ("rules: [{id: r, measure: wip_above, operation: OP1, wip: 4, time: 5m}]", "wip_above has no `time`"),
        ("rules: [{id: r, measure: wip_above, operation: OP9, wip: 4}]", "unknown operation `OP9`"),
        ("rules: [{id: r, measure: wip_above, operation: OP1, wip: 4, mute: [x]}]", "unknown mute `x`"),
        ("mutes: [{id: m, from: '22:00'}]", "expected either from and to, or calendar and shift"),
        ("mutes: [{id: m, from: '22:00', to: '06:00'}, {id: m, from: '1:00', to: '2:00'}]", "exists already"),
    ],
)
def test_a_wrong_alert_rule_is_named(alerting: str, says: str) -> None:
    text = f"areas: [{{id: A, work_centers: [{{id: C, operations: [{{id: OP1}}]}}]}}]\nalerting: {{{alerting}}}\n"
    with pytest.raises(PlantError) as refused:
        load_plant(text)
    assert [problem for problem in refused.value.problems if says in problem.en]


def test_a_team_on_duty_is_of_the_team_and_of_its_calendar() -> None:
    text = """
site: {time_zone: Asia/Shanghai}
calendars: {c: {shifts: [{id: A, from: "08:00", to: "20:00"}]}}
areas: [{id: A, work_centers: [{id: C, operations: [{id: OP1}]}]}]
teams: [{id: t, calendar: c, members: [zhang], on_duty: {A: [li], N: [zhang]}}]
"""
    with pytest.raises(PlantError) as refused:
        load_plant(text)
    found = {problem.en for problem in refused.value.problems}
    assert found == {"unknown member of the team `li`", "unknown shift `N`"}
