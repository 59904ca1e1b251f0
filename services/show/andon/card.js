// One alert: what it says, and what can be done about it with one thumb. Buttons stay where they are while it changes.

import { isOver, isShelved, isTaken } from "/board/alert_words.js";
import { make, setAttribute, setText } from "/board/dom.js";
import { running } from "/board/format.js";
import { word } from "/board/words.js";
import { past, read, whereNow } from "/andon/history.js";
import { age, facts, state, units, urgent } from "/andon/parts.js";

const MINUTE_US = 60e6;
const FOR = [["andon_for_30m", 30], ["andon_for_2h", 120], ["andon_for_once", null]];
const WHY = ["andon_why_work", "andon_why_stop", "andon_why_material"];
const ASK_AGAIN_MS = 30_000;

export class Card {
  // `page`: {now(), acting, act(alert, action, body), mayShelve, isStale()}.
  constructor(alert, page) {
    Object.assign(this, { alert, page, shownVersion: null, read: -Infinity, seen: false });
    this.parts = {};
    this.element = this.#build();
    this.update(alert);
  }

  #build() {
    const part = (name, tag, attributes = {}, ...children) => (this.parts[name] = make(tag, { class: name, ...attributes }, ...children));
    const inner = [
      part("head", "header", {}, part("urgent", "p"), part("open-for", "p", { class: "open-for num" })),
      part("facts", "div"), part("units", "div"), part("states", "div"),
      part("take", "button", { type: "button", class: "take", onclick: () => this.#tap() }, part("progress", "span"), part("take-says", "span")),
      part("trouble", "p", { class: "trouble", role: "alert" }),
      part("more", "div", { class: "more" },
        part("shelve", "button", { type: "button", class: "small shelve", onclick: () => this.#shelving(!this.parts.why) }),
        part("history", "button", { type: "button", class: "small history", "aria-expanded": "false", onclick: () => this.#past() })),
      part("drawer", "div"), part("past", "div"),
    ];
    return make("article", { class: "card", id: `alert-${this.alert.alert_id}` }, ...inner);
  }

  update(alert) {
    this.alert = alert;
    const { parts, page } = this;
    if (this.shownVersion !== `${alert.incident}.${alert.version}`) this.#draw();
    setAttribute(this.element, "data-priority", alert.priority);
    setAttribute(this.element, "data-calm", isTaken(alert) || isOver(alert) || isShelved(alert) ? "" : null);
    setText(parts.shelve, word(isShelved(alert) ? "andon_unshelve" : "andon_shelve"));
    setText(parts.history, word("andon_past"));
    setAttribute(parts.shelve, "hidden", page.mayShelve && !isOver(alert) && alert.state !== "normal" ? null : "");
    this.button();
    this.tick();
  }

  #draw() {
    const { parts, alert } = this;
    this.shownVersion = `${alert.incident}.${alert.version}`;
    parts.urgent.replaceChildren(...urgent(alert));
    parts.facts.replaceChildren(...facts(alert, this.page.now()));
    parts.states.replaceChildren(...state(alert, this.page.now()));
    this.list = units(alert);
    parts.units.replaceChildren(this.list.element);
    if (this.found) this.#places();
  }

  // What the button says: what it does, or how far that has come.
  button() {
    const { parts, alert } = this;
    const task = this.page.acting.of(alert.alert_id);
    const phase = task ? task.phase : null;
    const done = (isTaken(alert) && !isOver(alert)) || alert.state === "normal";
    setAttribute(parts.take, "hidden", done && !task ? "" : null);
    setAttribute(parts.take, "data-phase", phase);
    setAttribute(parts.take, "aria-busy", phase && phase !== "undo" && phase !== "refused" ? "true" : null);
    setText(parts["take-says"], this.#says(task));
    const trouble = phase === "refused" || phase === "no_right" ? word("andon_refused", { detail: task.detail }) : "";
    setText(parts.trouble, trouble);
  }

  #says(task) {
    const idle = word(isOver(this.alert) ? "andon_seen" : "andon_take");
    if (!task) return idle;
    const left = Math.max(1, Math.ceil((task.until - performance.now()) / 1000));
    return {
      undo: () => word("andon_undo", { seconds: left }),
      sending: () => word("andon_sending"),
      retrying: () => word("andon_retrying", { count: task.attempts }),
      on_its_way: () => word("andon_on_its_way"),
    }[task.phase]?.() ?? idle;
  }

  #tap() {
    const { acting } = this.page;
    const task = acting.of(this.alert.alert_id);
    if (task && task.phase === "undo") return acting.undo(this.alert.alert_id);
    if (task && task.phase !== "refused" && task.phase !== "no_right") return undefined;
    acting.dismiss(this.alert.alert_id);
    return this.page.act(this.alert, "acknowledge", {});
  }

  #shelving(open) {
    const { parts, alert, page } = this;
    if (isShelved(alert)) return page.act(alert, "unshelve", {});
    parts.why = open ? make("input", { maxlength: 200, enterkeyhint: "done", placeholder: word("andon_why_needed"), "aria-label": word("andon_why") }) : null;
    setAttribute(parts.shelve, "aria-expanded", String(open));
    if (!open) return parts.drawer.replaceChildren();
    const why = WHY.map((name) => make("button", { type: "button", class: "small", onclick: () => (parts.why.value = word(name)) }, word(name)));
    const times = FOR.map(([name, minutes]) => make("button", { type: "button", class: "big", onclick: () => this.#shelve(minutes) }, word(name)));
    return parts.drawer.replaceChildren(make("p", { class: "label" }, word("andon_why")), make("div", { class: "row" }, ...why), parts.why, make("div", { class: "row" }, ...times));
  }

  #shelve(minutes) {
    const reason = this.parts.why.value.trim();
    if (!reason) return this.parts.why.focus();
    const until = minutes === null ? null : new Date((this.page.now() + minutes * MINUTE_US) / 1000).toISOString();
    this.#shelving(false);
    return this.page.act(this.alert, "shelve", { reason, until });
  }

  async #past() {
    const { parts } = this;
    const open = parts.history.getAttribute("aria-expanded") === "false";
    setAttribute(parts.history, "aria-expanded", String(open));
    if (!open) return parts.past.replaceChildren();
    parts.past.replaceChildren(make("p", { class: "means" }, word("loading")));
    const found = await read(this.alert.alert_id);
    if (parts.history.getAttribute("aria-expanded") === "true") parts.past.replaceChildren(past(found, this.page.now()));
    return undefined;
  }

  // Every second: ages go on although nothing comes; where units are is asked for what is seen.
  tick() {
    const { parts, alert, page } = this;
    const now = page.now();
    setText(parts["open-for"], alert.raised_us === null ? "" : running(now - alert.raised_us));
    for (const [element, arrived] of this.list.ages) setText(element, age(now, arrived));
    setAttribute(this.element, "data-stale", page.isStale() ? "" : null);
    const task = page.acting.of(alert.alert_id);
    if (task && task.phase === "undo") this.button();
    if (this.seen && alert.units.length && performance.now() - this.read > ASK_AGAIN_MS && !document.hidden) this.#whereabouts();
  }

  async #whereabouts() {
    this.read = performance.now();
    const found = await read(this.alert.alert_id);
    if (!found || !found.whereabouts) return;
    this.found = found.whereabouts;
    this.#places();
  }

  #places() {
    for (const found of this.found) {
      const place = this.list.places.get(found.unit_id);
      if (!place) continue;
      setText(place, whereNow(found, this.alert, this.page.now()));
      setAttribute(place, "data-left", found.left_us === null ? null : "");
    }
  }
}
