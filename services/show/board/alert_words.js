// What an alert says in a few words, on the board and on phones alike.

import { count, short } from "/board/format.js";
import { named, word } from "/board/words.js";

// Shape and colour say the same, for those who see no colours.
export const SYMBOLS = { critical: "◆", high: "▲", medium: "●", low: "○" };
export const PRIORITIES = Object.keys(SYMBOLS);
const IN_UNITS = ["wip_above", "wip_below"];

export const what = (alert) => word(`alert_measures.${alert.measure}`);

export const where = (alert) => named({ id: alert.subject_id, name: alert.subject_name });

const amount = (alert, number) => (IN_UNITS.includes(alert.measure) ? count(number) : short(number));

// How much against which limit; units that are over it where the rule is about single ones.
export function howMuch(alert) {
  const limit = amount(alert, alert.limit);
  if (alert.measure === "unit_dwell_above") {
    if (alert.units_over === null) return word("alert_limit", { limit });
    return word(alert.units_over_is_least ? "alert_units_least" : "alert_units", { units: count(alert.units_over), limit });
  }
  if (alert.value === null) return word("alert_limit", { limit });
  return word(IN_UNITS.includes(alert.measure) ? "alert_count" : "alert_time", { value: amount(alert, alert.value), limit });
}

export const isOpen = (alert) => alert.state !== "normal";
export const isShelved = (alert) => alert.shelved_by !== null;
export const isTaken = (alert) => alert.acknowledged_us !== null;
export const isOver = (alert) => alert.state === "returned_unacknowledged";

// Shelved ones last; then by priority, those that nobody has taken first, the oldest first.
export function urgency(one, other) {
  const place = (alert) => PRIORITIES.indexOf(alert.priority);
  const since = (alert) => alert.raised_us ?? alert.at_us;
  const calm = (alert) => isTaken(alert) || isOver(alert);
  return isShelved(one) - isShelved(other) || place(one) - place(other) || calm(one) - calm(other)
    || since(one) - since(other) || (one.alert_id < other.alert_id ? -1 : 1);
}
