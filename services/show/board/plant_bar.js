// The head of the board: the plant's numbers, their age, whether the connection lives.

import { make, setAttribute, setText } from "/board/dom.js";
import { count, date, running, time } from "/board/format.js";
import { named, word } from "/board/words.js";

const NUMBERS = ["plant_wip", "in_process", "in_transit", "entered", "completed", "scrapped"];
const byId = (id) => document.getElementById(id);

export class PlantBar {
  constructor(floor) {
    this.floor = floor;
    this.link = "wait";
    this.lostAt = null;
    this.show();
  }

  // After a snapshot, or in another language.
  show() {
    this.values = {};
    byId("plant").replaceChildren(...NUMBERS.map((name) => {
      this.values[name] = make("dd", { class: "num" }, word("none"));
      return make("div", { class: `number ${name}` }, make("dt", {}, word(name)), this.values[name]);
    }));
    this.update();
  }

  update() {
    const { plant, whole } = this.floor;
    const site = whole && whole.site ? named(whole.site) : "";
    setText(byId("site"), site || word("app"));
    document.title = site ? `${site} · ${word("title")}` : word("app");
    if (plant) {
      const { units, wip } = plant.state;
      const numbers = { ...units, plant_wip: wip };
      for (const name of NUMBERS) setText(this.values[name], count(numbers[name]));
    }
    this.tick();
  }

  setLink(link) {
    if (link === "lost" && this.link !== "lost") this.lostAt = this.floor.whole ? this.floor.now() : null;
    this.link = link;
    this.tick();
  }

  tick() {
    const { floor } = this;
    const now = floor.whole ? floor.now() : Date.now() * 1000;
    setText(byId("clock"), `${date(now)} ${time(now)}`);
    setAttribute(byId("link"), "data-link", this.link);
    setText(byId("link-word"), word(`link_${this.link}`));
    const at = floor.plant ? floor.confirmedAt(floor.plant) : null;
    const stale = !floor.plant || floor.isStale(floor.plant);
    setAttribute(byId("plant"), "data-stale", stale ? "" : null);
    setText(byId("data-age"), this.#age(at, stale, now));
    const newest = floor.plant ? floor.plant.state.newest_event_us : null;
    setText(byId("last-event"), newest === null ? word("no_event") : word("last_event", { age: running(now - newest) }));
    this.#banner(at, stale, now);
  }

  #age(at, stale, now) {
    if (at === null) return word("no_data");
    if (stale) return word("plant_stale", { time: time(at, now) });
    return word("data_age", { age: running(now - at) });
  }

  #banner(at, stale, now) {
    let says = "";
    if (this.link === "lost") {
      says = this.lostAt === null ? word("never_connected") : word("lost_since", { time: time(this.lostAt, now) });
    } else if (stale && at !== null) {
      says = word("all_stale", { time: time(at, now) });
    }
    setText(byId("banner"), says);
    setAttribute(byId("banner"), "hidden", says ? null : "");
  }
}
