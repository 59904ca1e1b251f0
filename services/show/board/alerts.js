// Open alerts on the board: a strip below the head with the most urgent ones, and a chip on the tile each is about.

import { SYMBOLS, howMuch, isOpen, isOver, isShelved, isTaken, urgency, what, where } from "/board/alert_words.js";
import { make, setAttribute, setText } from "/board/dom.js";
import { brief, count, time } from "/board/format.js";
import { word } from "/board/words.js";

const IN_STRIP = 3;

export class OpenAlerts {
  constructor() {
    this.known = new Map();
    this.judgedUntil = null; // by the stage that raises them
  }

  snapshot(alerts) {
    this.known = new Map(alerts.map((alert) => [alert.alert_id, alert]));
  }

  changed(alerts) {
    for (const alert of alerts) {
      if (isOpen(alert)) this.known.set(alert.alert_id, alert);
      else this.known.delete(alert.alert_id);
    }
  }

  // The most urgent first; of one operation or work unit, or all.
  sorted(subjectId = null) {
    return [...this.known.values()].filter((alert) => subjectId === null || alert.subject_id === subjectId).sort(urgency);
  }
}

const link = (alert) => `/andon#alert-${encodeURIComponent(alert.alert_id)}`;
const calm = (alert) => (isTaken(alert) || isOver(alert) || isShelved(alert) ? "" : null);

// How long it has been open, or why nobody needs to run.
function standing(alert, nowUs) {
  if (isShelved(alert)) return word("alert_is_shelved");
  if (isOver(alert)) return word("alert_is_over");
  if (isTaken(alert)) return `✓ ${alert.acknowledged_by_name}`;
  return alert.raised_us === null ? "" : brief(nowUs - alert.raised_us);
}

// The same in one character, where there is no room for more.
const mark = (alert) => (isShelved(alert) ? "‖" : isOver(alert) ? "↓" : "✓");

export class AlertStrip {
  constructor(element, floor) {
    Object.assign(this, { element, floor, standings: [], stale: make("span", {}) });
  }

  // After news of alerts, or in another language.
  show() {
    const alerts = this.floor.alerts.sorted();
    const free = alerts.filter((alert) => calm(alert) === null).length;
    const says = [make("span", { class: "strip-name" }, word("alerts_open")), make("span", { class: "num strip-count" }, count(alerts.length))];
    this.stale = make("span", { class: "strip-stale" });
    says.push(this.stale);
    if (free) says.push(make("span", { class: "strip-free" }, word("alerts_not_taken", { count: count(free) })));
    const more = alerts.length - IN_STRIP;
    this.standings = [];
    this.element.replaceChildren(make("a", { class: "strip-sum", href: "/andon" }, ...says),
      ...alerts.slice(0, IN_STRIP).map((alert) => this.#item(alert)),
      ...(more > 0 ? [make("a", { class: "strip-more", href: "/andon" }, word("alerts_more", { count: count(more) }))] : []));
    setAttribute(this.element, "data-worst", free ? alerts[0].priority : null);
    this.tick();
  }

  #isStale() {
    const { plant, alerts, staleAfter } = this.floor;
    return !plant || this.floor.isStale(plant) || alerts.judgedUntil === null || this.floor.now() - alerts.judgedUntil > staleAfter;
  }

  #until() {
    const { plant, alerts } = this.floor;
    const floor = plant ? this.floor.confirmedAt(plant) : null;
    return time(Math.min(alerts.judgedUntil, floor ?? Infinity), this.floor.now());
  }

  #item(alert) {
    const stands = make("span", { class: "num stands" });
    this.standings.push([stands, alert]);
    return make("a", { class: "strip-item", href: link(alert), "data-priority": alert.priority, "data-calm": calm(alert) },
      make("span", { class: "priority", title: word(`alert_priorities.${alert.priority}`) }, SYMBOLS[alert.priority]),
      make("span", { class: "strip-where" }, where(alert)), stands,
      make("span", { class: "strip-what" }, make("span", { class: "strip-kind" }, `${what(alert)} · `), howMuch(alert)));
  }

  tick() {
    for (const [element, alert] of this.standings) setText(element, standing(alert, this.floor.now()));
    setAttribute(this.element, "data-stale", this.#isStale() ? "" : null);
    setText(this.stale, this.#isStale() ? word(this.floor.alerts.judgedUntil === null ? "alerts_not_judged" : "stale_since", { time: this.#until() }) : "");
  }
}

// On the edge of a tile: it may come and go without moving anything.
export class AlertChip {
  constructor(subjectId, floor) {
    Object.assign(this, { subjectId, floor, element: make("a", { class: "chip priority", href: "/andon" }) });
  }

  tick() {
    const [alert, ...others] = this.floor.alerts.sorted(this.subjectId);
    const more = others.length ? ` +${count(others.length)}` : "";
    const stands = alert ? standing(alert, this.floor.now()) : "";
    setText(this.element, alert ? `${SYMBOLS[alert.priority]} ${calm(alert) === null ? stands : mark(alert)}${more}` : "");
    setAttribute(this.element, "data-priority", alert ? alert.priority : null);
    setAttribute(this.element, "data-calm", alert ? calm(alert) : null);
    setAttribute(this.element, "href", alert ? link(alert) : "/andon");
    setAttribute(this.element, "aria-label", alert ? `${word("terms.alert")}: ${what(alert)}, ${word(`alert_priorities.${alert.priority}`)}, ${stands}` : null);
  }
}
