// All tiles, by area and work center in the order of the plant model.

import { make } from "/board/dom.js";
import { Machines } from "/board/machines.js";
import { Tile } from "/board/tile.js";
import { named, word } from "/board/words.js";

export class FloorView {
  constructor(element, floor, open, openMachine) {
    this.element = element;
    this.floor = floor;
    this.open = open;
    this.machines = new Machines(floor, openMachine);
    this.tiles = new Map();
  }

  // After a snapshot: everything anew.
  show() {
    this.tiles.clear();
    this.machines.snapshot(this.floor.whole.work_units);
    const operations = [...this.floor.operations.values()];
    this.element.replaceChildren(...centers(operations).map((group) => this.#center(group)));
    if (!this.floor.whole.model_version) this.element.append(make("p", { class: "empty" }, word("no_model")));
  }

  #center(operations) {
    const { areas, work_centers: workCenters } = this.floor.whole;
    const [{ area, work_center: center, in_model: known }] = operations;
    const title = known
      ? [find(areas, area), find(workCenters, center)].filter((thing) => thing && thing.id).map(named)
      : [word("not_in_model")];
    const list = make("div", { class: "tiles", role: "list" }, ...operations.map((operation) => {
      const tile = new Tile(operation, this.floor, this.open);
      this.tiles.set(operation.operation_id, tile);
      return tile.element;
    }));
    const heading = make("h2", {}, ...title.map((text, at) => make("span", { class: at ? "center-name" : "area-name" }, text)));
    const section = make("section", { class: "center" }, heading, ...(known && center ? [this.machines.strip(center)] : []), list);
    section.style.setProperty("--tiles", String(operations.length));
    return section;
  }

  update(operations) {
    for (const operation of operations) this.tiles.get(operation.operation_id).update();
  }

  tick() {
    for (const tile of this.tiles.values()) tile.tick();
    this.machines.tick();
  }
}

const find = (things, id) => things.find((thing) => thing.id === id) || { id };

// Operations that follow each other in the same work center.
function centers(operations) {
  const groups = [];
  for (const operation of operations) {
    const last = groups.at(-1);
    if (last && last[0].work_center === operation.work_center && last[0].area === operation.area) last.push(operation);
    else groups.push([operation]);
  }
  return groups;
}
