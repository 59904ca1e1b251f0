// One operation: its WIP against its limit, who is there, how fast it goes, who has been there longest.

import { AlertChip } from "/board/alerts.js";
import { make, setAttribute, setText } from "/board/dom.js";
import { brief, count, ends, overDwell, quantity, rate, running, short, stopwatch, tail, time } from "/board/format.js";
import { named, word } from "/board/words.js";

const PHASES = ["queued", "running", "finished", "held"];
const OLDEST = 3;
const ID_LENGTH = 12;
const TAIL = 5;
const SOON = 0.2; // of p85: so close to it a unit is marked

export class Tile {
  // `open(operation, unit)` shows more of the operation, or of one of its units.
  constructor(operation, floor, open) {
    this.operation = operation;
    this.floor = floor;
    this.open = open;
    this.parts = {};
    this.chip = new AlertChip(operation.operation_id, floor);
    this.element = this.#build();
    this.update();
  }

  #build() {
    const part = (name, tag, attributes = {}, ...children) =>
      (this.parts[name] = make(tag, { class: name, ...attributes }, ...children));
    const id = `tile-${this.operation.partition}-${this.operation.operation_id}`;
    return part("tile", "article", { role: "listitem", "aria-labelledby": id },
      make("header", {},
        make("h3", { id },
          make("button", { type: "button", class: "name", onclick: () => this.open(this.operation) },
            part("title", "span"))),
        make("div", { class: "edge" }, this.chip.element, part("badge", "p"))),
      make("div", { class: "counts" },
        make("div", {},
          make("p", {}, make("span", { class: "unseen" }, `${word("terms.wip")} `), part("wip", "span", { class: "wip num" })),
          part("limit", "p", { class: "limit num" })),
        make("ul", { class: "phases", "aria-hidden": "true" },
          ...PHASES.map((phase) => make("li", {},
            make("span", { class: `swatch ${phase}` }), make("span", { class: "phase" }, word(`phases.${phase}`)), part(`n-${phase}`, "span", { class: "num" }))))),
      part("meter", "div", { role: "img" },
        part("fill", "div", {}, ...PHASES.map((phase) => part(`bar-${phase}`, "span", { class: `piece ${phase}` }))),
        part("mark", "span")),
      make("dl", { class: "facts" }, ...[["out", "out_1h"], ["p50", "dwell_p50"], ["p85", "dwell_p85"]].map(([name, label]) =>
        make("div", {}, make("dt", {}, word(label)), part(name, "dd", { class: "num" })))),
      make("div", { class: "longest" },
        make("p", { class: "heads" }, make("span", {}, word("terms.oldest")), make("span", {}, word("terms.age")), make("span", {}, word("until_p85"))),
        part("oldest", "ol", {}, ...Array.from({ length: OLDEST }, (_, at) => this.#stay(at)))),
      make("footer", {}, part("code", "p"), part("age", "p", { class: "age num" }), part("pieces", "p", { class: "pieces num" })));
  }

  #stay(at) {
    const shown = () => this.operation.state.oldest[at];
    const unit = make("button", { type: "button", class: "unit", onclick: () => shown() && this.open(this.operation, shown().unit_id) });
    const stay = { unit, lasts: make("span", { class: "lasts num" }), until: make("span", { class: "until num" }) };
    stay.row = make("li", {}, unit, stay.lasts, stay.until);
    (this.stays ||= [])[at] = stay;
    return stay.row;
  }

  // After a change of the state.
  update() {
    const { parts, operation } = this;
    const { state, wip_limit: limit } = operation;
    setText(parts.title, named({ id: operation.operation_id, name: operation.name }));
    setText(parts.code, operation.operation_id);
    setText(parts.wip, count(state.wip));
    setAttribute(parts.wip, "data-digits", String(Math.min(7, count(state.wip).length)));
    setText(parts.limit, limit === null ? "" : word("limit", { limit: count(limit) }));
    setText(parts.pieces, word("pieces", { quantity: quantity(state.quantity) }));
    this.#facts(state);
    this.#meter(state, limit);
    this.tick();
  }

  #facts(state) {
    const hour = state.windows["1h"];
    const dwell = dwellOf(state);
    const lasting = (us) => (us === null || us === undefined ? word("none") : short(us));
    setText(this.parts.out, hour ? word("per_hour", { rate: rate(hour.throughput_per_h) }) : word("none"));
    setText(this.parts.p50, lasting(dwell.p50));
    setText(this.parts.p85, lasting(dwell.p85));
  }

  #meter(state, limit) {
    const { parts } = this;
    const scale = Math.max(limit || 0, state.wip, 1);
    parts.fill.style.width = `${(100 * state.wip) / scale}%`;
    for (const phase of PHASES) {
      parts[`bar-${phase}`].style.flexGrow = String(state[phase]);
      setText(parts[`n-${phase}`], count(state[phase]));
    }
    parts.mark.style.left = `${(100 * (limit || 0)) / scale}%`;
    setAttribute(parts.mark, "hidden", limit === null ? "" : null);
    const phases = PHASES.map((phase) => `${word(`phases.${phase}`)} ${count(state[phase])}`).join(", ");
    const ends = limit === null ? "" : word("bar_limit", { limit: count(limit) });
    setAttribute(parts.meter, "aria-label", word("bar_says", { wip: count(state.wip), phases }) + ends);
  }

  // Every second: ages go on although nothing comes.
  tick() {
    const { parts, operation, floor } = this;
    const at = floor.confirmedAt(operation);
    const stale = floor.isStale(operation);
    const now = floor.now();
    setAttribute(parts.tile, "data-stale", stale ? "" : null);
    this.#judge(stale, at, now);
    this.chip.tick();
    if (at === null || stale) setText(parts.age, "");
    else setText(parts.age, now - at < 10e6 ? word("tile_fresh") : word("tile_age", { age: running(now - at) }));
    this.stays.forEach((stay, place) => this.#lasting(stay, operation.state.oldest[place], place, now));
  }

  // Says in words what the colour of the tile says too.
  #judge(stale, at, now) {
    const { state, wip_limit: limit, wip_min: min, in_model: known } = this.operation;
    const over = limit !== null && state.wip > limit;
    const under = min !== null && state.wip < min;
    const late = Boolean(state.over_dwell_limit);
    setAttribute(this.parts.tile, "data-level", over ? "over" : late ? "late" : under ? "under" : null);
    let says = "";
    if (at === null) says = word("no_data");
    else if (stale) says = word("stale_since", { time: time(at, now) });
    else if (over) says = `▲ ${word("over_limit")} +${count(state.wip - limit)}`;
    else if (late) says = word("over_dwell", { count: overDwell(state) });
    else if (under) says = `▼ ${word("under_min", { min: count(min) })}`;
    else if (!known) says = word("not_in_model");
    setText(this.parts.badge, says);
  }

  #lasting(stay, oldest, place, now) {
    setAttribute(stay.row, "data-empty", oldest ? null : "");
    setAttribute(stay.unit, "disabled", oldest ? null : "");
    if (!oldest) {
      setText(stay.unit, place === 0 ? word("nobody") : "");
      setText(stay.lasts, "");
      setText(stay.until, "");
      setAttribute(stay.unit, "title", null);
      setAttribute(stay.unit, "aria-label", null);
      setAttribute(stay.until, "data-level", null);
      return;
    }
    setText(stay.unit, onWall() ? tail(oldest.unit_id, TAIL) : ends(oldest.unit_id, ID_LENGTH));
    setAttribute(stay.unit, "title", oldest.unit_id);
    setAttribute(stay.unit, "aria-label", oldest.unit_id);
    setText(stay.lasts, stopwatch(now - oldest.arrived_us));
    if (oldest.over_p85_in_us === null) {
      setText(stay.until, word("none"));
      setAttribute(stay.until, "data-level", null);
      return;
    }
    const { p85 } = dwellOf(this.operation.state);
    const left = this.operation.state.as_of_us + oldest.over_p85_in_us - now;
    setText(stay.until, left < 0 ? word("p85_over", { time: brief(-left) }) : brief(left));
    setAttribute(stay.until, "data-level", left < 0 ? "over" : left < SOON * p85 ? "soon" : null);
  }
}

// Percentiles of the last 8 h, which the units that are here are held against.
const dwellOf = (state) => (state.windows["8h"] || {}).dwell_us || {};

const onWall = () => document.documentElement.hasAttribute("data-wall");
