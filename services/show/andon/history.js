// What the database says of an alert: where its units are now, and what happened. Asked one alert at a time.

import { make } from "/board/dom.js";
import { hour } from "/board/format.js";
import { language, word } from "/board/words.js";

let asking = Promise.resolve();

// The answer of GET /v1/alerts/ID, or null where there is none now.
export function read(alertId) {
  const answer = asking.then(async () => {
    try {
      const found = await fetch(`/v1/alerts/${encodeURIComponent(alertId)}`, { headers: { "Accept-Language": language } });
      return found.ok ? await found.json() : null;
    } catch {
      return null;
    }
  });
  asking = answer;
  return answer;
}

// Where a unit is now, in a few words; an alert of a machine names no operation its units could still be at.
export function whereNow(found, alert, nowUs) {
  if (!found || found.status === null) return "";
  if (found.left_us !== null && found.operation_id !== alert.subject_id) {
    const left = word("andon_left", { time: hour(found.left_us, nowUs) });
    return found.operation_id ? `${left} · ${word("andon_at", { place: found.operation_id })}` : `${left} · ${word(`statuses.${found.status}`)}`;
  }
  if (found.operation_id.split("|").includes(alert.subject_id)) return word("andon_here");
  return found.operation_id ? word("andon_at", { place: found.operation_id }) : word(`statuses.${found.status}`);
}

// What happened, newest first: changes of the alert, and what people did.
export function past(found, nowUs) {
  if (!found || !found.changes) return make("p", { class: "means" }, word("andon_no_history"));
  const lines = [
    ...found.changes.filter((change) => change.change !== "acknowledged" && !change.change.endsWith("shelved"))
      .map((change) => ({ at: change.at_us, says: changed(change) })),
    ...found.actions.map((action) => ({ at: action.at_us, says: did(action, nowUs) })),
  ].sort((one, other) => other.at - one.at);
  return make("ol", { class: "past" }, ...lines.map(({ at, says }) => make("li", {}, make("span", { class: "num" }, hour(at, nowUs)), make("span", {}, says))));
}

const changed = ({ change, end, incident }) =>
  `${word(end && change === "returned" ? `alert_ends.${end}` : `alert_changes.${change}`)} · ${word("andon_incident", { number: incident })}`;

function did({ action, by, via, reason, until_us: until }, nowUs) {
  const kind = via.split(":")[0];
  const more = [reason, until && `→ ${hour(until, nowUs)}`].filter(Boolean).join(" ");
  const says = word("andon_did", { who: by, action: word(`alert_actions.${action}`), via: word(`andon_via_${kind}`) });
  return more ? `${says} · ${more}` : says;
}
