// The parts of a card that are made anew when the alert changes.

import { SYMBOLS, howMuch, isShelved, isTaken, what, where } from "/board/alert_words.js";
import { make } from "/board/dom.js";
import { count, hour, stopwatch } from "/board/format.js";
import { language, word } from "/board/words.js";

const FIRST = 3; // as card.css has it

const inLanguage = (names) => (names && (names[language] || names.en)) || "";

// What, where, how much, since when, what to do.
export function facts(alert, nowUs) {
  const rule = inLanguage(alert.rule_name);
  const center = inLanguage(alert.work_center_name);
  const since = alert.since_us === null ? "" : word("andon_since", { time: hour(alert.since_us, nowUs) });
  return [
    make("h2", {}, where(alert)),
    make("p", { class: "place" }, [alert.subject_id, center].filter(Boolean).join(" · ")),
    make("p", { class: "much num" }, [howMuch(alert), since].filter(Boolean).join(" · ")),
    ...(rule && rule !== alert.rule_id ? [make("p", { class: "means" }, rule)] : []),
    make("p", { class: "to-do" }, make("span", { class: "label" }, word("andon_to_do")), inLanguage(alert.to_do)),
  ];
}

export const urgent = (alert) => [
  make("span", { class: "priority" }, `${SYMBOLS[alert.priority]} ${word(`alert_priorities.${alert.priority}`)}`),
  make("span", { class: "kind" }, what(alert)),
];

// What has become of it: taken, over, shelved, muted.
export function state(alert, nowUs) {
  const lines = [];
  const at = (us) => hour(us, nowUs);
  if (alert.returned_us !== null) lines.push(["over", word(alert.end === "disproved" ? "andon_disproved" : "andon_over", { time: at(alert.returned_us) })]);
  if (isTaken(alert)) lines.push(["taken", word("andon_taken", { who: alert.acknowledged_by_name, time: at(alert.acknowledged_us) })]);
  if (isShelved(alert)) {
    const until = alert.shelved_until_us;
    const says = { who: alert.shelved_by_name, reason: alert.shelve_reason || "", time: until === null ? "" : at(until) };
    lines.push(["shelved", word(until === null ? "andon_shelved_once" : "andon_shelved_until", says)]);
  }
  if (alert.muted) lines.push(["muted", word("andon_muted")]);
  if (alert.history) lines.push(["history", word("andon_history")]);
  return lines.map(([kind, says]) => make("p", { class: `state ${kind}` }, says));
}

// The units to go and find; `ages` and `places` are filled in later: [[element, arrived_us]], unit_id → element.
export function units(alert) {
  const [ages, places] = [[], new Map()];
  if (!alert.units.length) return { element: make("div", {}), ages, places };
  const rows = alert.units.map((unit) => {
    const age = make("span", { class: "num age" });
    const place = make("span", { class: "now" });
    ages.push([age, unit.arrived_us]);
    places.set(unit.unit_id, place);
    return make("li", unit.over ? { "data-over": "" } : {}, make("span", { class: "unit-id" }, unit.unit_id), age, place);
  });
  const element = make("div", { class: "units" }, make("p", { class: "label" }, word("andon_find")), make("ol", {}, ...rows), ...rest(alert));
  return { element, ages, places };
}

// Those that are not seen at first, and those that are not named at all.
function rest(alert) {
  const unnamed = Math.max(0, (alert.units_over || 0) - alert.units.filter((unit) => unit.over).length);
  const all = (event) => {
    event.target.parentElement.dataset.all = "";
    event.target.remove();
  };
  const more = unnamed ? [make("p", { class: "means" }, word("andon_more_units", { units: count(unnamed) }))] : [];
  if (alert.units.length <= FIRST) return more;
  return [make("button", { type: "button", class: "small", onclick: all }, word("andon_all_units", { units: count(alert.units.length) })), ...more];
}

export const age = (nowUs, us) => stopwatch(nowUs - us);
