// The work units: a strip per work center with what each is doing and since when, and what is behind it.

import { make, setAttribute, setText } from "/board/dom.js";
import { brief, count, running, time } from "/board/format.js";
import { named, word } from "/board/words.js";

const SYMBOLS = { running: "▶", starved: "▽", blocked: "◼", down: "✕", off: "○" };
const CONDITIONS = Object.keys(SYMBOLS);

export class Machines {
  // `open(unit)` shows more of a work unit.
  constructor(floor, open) {
    this.floor = floor;
    this.open = open;
    this.units = new Map();
    this.shown = new Map();
  }

  snapshot(units) {
    this.units = new Map(units.map((unit) => [unit.work_unit_id, unit]));
    this.shown.clear();
  }

  changed(units) {
    for (const { work_unit_id: id, state } of units) {
      const unit = this.units.get(id);
      if (!unit) continue; // not in the plant model, or it will come with the next snapshot
      unit.state = state;
      if (this.shown.has(id)) this.#say(unit);
    }
  }

  tick() {
    for (const id of this.shown.keys()) this.#say(this.units.get(id));
  }

  // The strip of a work center; empty, and without room, until one of its machines has said something.
  strip(center) {
    const units = [...this.units.values()].filter((unit) => unit.work_center === center);
    const strip = make("ul", { class: "machines", "aria-label": word("machines") }, ...units.map((unit) => this.#unit(unit)));
    for (const unit of units) this.#say(unit);
    return strip;
  }

  #unit(unit) {
    const parts = { symbol: make("span", { class: "symbol", "aria-hidden": "true" }), says: make("span", { class: "unseen" }), lasts: make("span", { class: "num" }) };
    parts.row = make("li", {}, make("button", { type: "button", class: "machine", onclick: () => this.open(unit) },
      parts.symbol, make("span", { class: "machine-name" }, named({ id: unit.work_unit_id, name: unit.name })), parts.says, parts.lasts));
    this.shown.set(unit.work_unit_id, parts);
    return parts.row;
  }

  #say(unit) {
    const { row, symbol, says, lasts } = this.shown.get(unit.work_unit_id);
    const { state } = unit;
    const condition = state && state.condition;
    setAttribute(row, "hidden", condition ? null : "");
    if (!condition) return;
    setAttribute(row, "data-condition", condition);
    setAttribute(row, "title", `${word(`machine_conditions.${condition}`)} · ${word("machine_since", { time: time(state.since_us, this.floor.now()) })}`);
    setText(symbol, SYMBOLS[condition]);
    setText(says, word(`machine_conditions.${condition}`));
    setText(lasts, brief(Math.max(0, this.floor.now() - state.since_us)));
  }
}

// What is behind a work unit: its shifts, newest first, its parts, and when it was last heard.
export function machineDetail(unit, floor) {
  const { state } = unit;
  if (!state) return [make("p", {}, word("machine_silent"))];
  const now = floor.now();
  const says = state.condition
    ? [`${SYMBOLS[state.condition]} ${word(`machine_conditions.${state.condition}`)}`, word("machine_since", { time: time(state.since_us, now) }), `PackML: ${word(`machine_states.${state.state}`)}`]
    : [word("machine_no_state")];
  const heard = word("machine_heard", { age: running(Math.max(0, now - state.newest_event_us)) });
  return [
    make("p", { class: "says", "data-condition": state.condition }, [...says, heard].join(" · ")),
    ...parts(state),
    ...(state.late ? [make("p", {}, word("machine_late", { count: count(state.late) }))] : []),
    make("h3", {}, word("machine_shifts")),
    ...[...state.shifts].reverse().map((shift, at) => share(at ? shift : upTo(shift, state, now), now)),
    ...(state.shifts.length ? [] : [make("p", {}, word("machine_no_shift"))]),
  ];
}

// WIP by counters beside that of the scans; below zero it is shown as 0, and what the counters say beside it.
export function countedWip({ counted }) {
  if (!counted) return [];
  const { wip, came_in: cameIn, went_out: wentOut, difference } = counted;
  const values = { wip: count(Math.max(0, wip)), in: count(cameIn), out: count(wentOut), difference: `${difference > 0 ? "+" : ""}${count(difference)}` };
  return [make("p", { class: "counted" }, word("counted_says", values), ...(wip < 0 ? [` ${word("counted_below", { wip: count(wip) })}`] : []))];
}

function parts({ good, reject }) {
  const said = [good && word("machine_good", { count: count(good.total) }), reject && word("machine_reject", { count: count(reject.total) })].filter(Boolean);
  return said.length ? [make("p", {}, said.join(" · "))] : [];
}

// The shift that is on goes on although nothing comes.
function upTo(shift, state, now) {
  const passes = Math.max(0, Math.min(now, shift.end_us) - Math.max(state.as_of_us, shift.start_us));
  return state.condition ? { ...shift, [`${state.condition}_us`]: shift[`${state.condition}_us`] + passes } : shift;
}

function share(shift, now) {
  const times = [...CONDITIONS, "unknown"].map((name) => [name, shift[`${name}_us`]]);
  const total = times.reduce((sum, [, us]) => sum + us, 0) || 1;
  const name = shift.shift_id === "day" ? shift.plant_date : `${shift.plant_date} ${word("terms.shift")} ${shift.shift_id}`;
  const seen = times.filter(([, us]) => us > 0);
  return make("section", { class: "share" },
    make("h4", {}, `${name} · ${time(shift.start_us, now)}–${time(shift.end_us, now)}`),
    make("div", { class: "share-bar", "aria-hidden": "true" }, ...seen.map(([what, us]) => {
      const piece = make("span", { "data-condition": what });
      piece.style.flexGrow = String(us / total);
      return piece;
    })),
    make("p", {}, ...seen.map(([what, us]) => make("span", { class: "share-part" },
      make("span", { class: "symbol", "data-condition": what, "aria-hidden": "true" }, SYMBOLS[what] || "?"),
      ` ${what === "unknown" ? word("machine_unknown") : word(`machine_conditions.${what}`)} ${Math.round((100 * us) / total)} % (${brief(us)})`))));
}
