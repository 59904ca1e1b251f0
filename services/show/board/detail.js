// What is behind a number: the units at an operation, and the stays of a unit, from the database.

import { make } from "/board/dom.js";
import { count, overDwell, quantity, rate, running, short, time } from "/board/format.js";
import { countedWip, machineDetail } from "/board/machines.js";
import { language, named, word } from "/board/words.js";

const WINDOWS = ["15m", "1h", "8h"];
const PAGE = 50;

export class Detail {
  constructor(floor) {
    this.floor = floor;
    this.dialog = document.getElementById("detail");
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => this.dialog.replaceChildren());
  }

  open(operation, unitId) {
    if (unitId) this.#unit(unitId);
    else this.#operation(operation);
    if (!this.dialog.open) this.dialog.showModal();
  }

  machine(unit) {
    this.#frame(`${named({ id: unit.work_unit_id, name: unit.name })} · ${unit.work_unit_id}`, ...machineDetail(unit, this.floor));
    if (!this.dialog.open) this.dialog.showModal();
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  #frame(title, ...children) {
    const close = make("button", { type: "button", class: "close", onclick: () => this.close() }, word("close"));
    this.dialog.replaceChildren(make("header", {}, make("h2", { id: "detail-title" }, title), close), ...children);
  }

  #operation(operation) {
    const list = make("div", { class: "rows" });
    const id = operation.operation_id;
    this.#frame(`${named({ id, name: operation.name })} · ${id}`, windows(operation.state), ...countedWip(operation.state), ...late(operation), make("h3", {}, word("units_here")), list);
    this.#page(list, `/v1/visits?open=true&limit=${PAGE}&operation=${encodeURIComponent(id)}`, ["terms.unit", "arrived", "terms.age", "status", "terms.quantity"],
      (visit) => [
        make("button", { type: "button", class: "unit", onclick: () => this.#unit(visit.unit_id) }, visit.unit_id),
        time(visit.arrived_us, this.floor.now()), running(this.floor.now() - visit.arrived_us), phase(visit), quantity(visit.quantity)]);
  }

  async #unit(unitId) {
    const list = make("div", { class: "rows" }, make("p", {}, word("loading")));
    this.#frame(unitId, list);
    await attempt(list, async () => {
      const { unit, visits, stored_up_to_us: upTo } = await read(`/v1/units/${encodeURIComponent(unitId)}`);
      const place = unit.operation_id ? ` · ${unit.operation_id}` : "";
      list.replaceChildren(
        make("p", {}, `${word(`statuses.${unit.status}`)}${place} · ${word("pieces", { quantity: quantity(unit.quantity) })}`),
        table(["terms.operation", "arrived", "departed", "terms.dwell", "status"], visits.map((visit) => [
          visit.operation_id, time(visit.arrived_us, this.floor.now()),
          visit.departed_us === null ? word("none") : time(visit.departed_us, this.floor.now()),
          visit.departed_us === null ? running(this.floor.now() - visit.arrived_us) : short(visit.dwell_us),
          [visit.departed_us === null ? phase(visit) : word(`outcomes.${visit.outcome}`), ...visit.flags.map((flag) => word(`flags.${flag}`))].join(", ")])),
        this.#upTo(upTo));
    });
  }

  // One page after another into one table.
  #page(list, address, columns, cells) {
    const rows = table(columns, []);
    const end = make("div", {}, make("p", {}, word("loading")));
    list.replaceChildren(rows, end);
    const next = (after) => attempt(end, async () => {
      const page = await read(after ? `${address}&after=${encodeURIComponent(after)}` : address);
      rows.tBodies[0].append(...page.visits.map((visit) => row(cells(visit))));
      const more = page.after && make("button", { type: "button", onclick: () => next(page.after) }, word("more"));
      end.replaceChildren(...[more, !rows.tBodies[0].rows.length && make("p", {}, word("rows_none")), this.#upTo(page.stored_up_to_us)].filter(Boolean));
    });
    next(null);
  }

  #upTo(us) {
    return make("p", { class: "up-to" }, us === null ? word("no_data") : word("rows_age", { time: time(us, this.floor.now()) }));
  }
}

const phase = (visit) => word(`phases.${visit.held ? "held" : visit.phase}`);

const row = (cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));

function table(columns, rows) {
  const head = make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, word(name)))));
  return make("table", {}, head, make("tbody", {}, ...rows.map(row)));
}

function late({ state, dwell_limit_us: limit, dwell_limit_clock: clock }) {
  if (!state.over_dwell_limit || !limit) return [];
  const says = clock === "working" ? "over_dwell_of_working" : "over_dwell_of";
  return [make("p", {}, word(says, { count: overDwell(state), limit: short(limit) }))];
}

function windows(state) {
  const lasting = (us) => (us === null || us === undefined ? word("none") : short(us));
  return table(["window", "terms.departures", "terms.throughput", "dwell_p50", "dwell_p85"], WINDOWS.filter((name) => state.windows[name]).map((name) => {
    const { departures, throughput_per_h: perHour, dwell_us: dwell } = state.windows[name];
    return [word(`window_${name}`), count(departures), word("per_hour", { rate: rate(perHour) }), lasting(dwell.p50), lasting(dwell.p85)];
  }));
}

async function read(address) {
  const answer = await fetch(address, { headers: { "Accept-Language": language } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.title}: ${body.detail}`);
  return body;
}

async function attempt(place, work) {
  try {
    await work();
  } catch (error) {
    place.replaceChildren(make("p", {}, word("rows_failed", { detail: error.message })));
  }
}
