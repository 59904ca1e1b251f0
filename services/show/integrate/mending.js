// A refused event: its bytes, and a copy of them to mend, check and send again through the door that it came by.

import { make } from "/board/dom.js";
import { word } from "/board/words.js";
import { attempt, fateOf } from "/integrate/trying.js";

// That is not kept of what came over HTTP, but no two kinds of items have the same fields; of Kafka all are scans.
function doorOf(event) {
  if (event === null || typeof event !== "object" || "unit_id" in event) return "/v1/scans";
  if ("eventTime" in event) return "/v1/epcis/events";
  if ("children" in event) return "/v1/transforms";
  return "work_unit_id" in event ? "/v1/machine-events" : "/v1/scans";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// What is given to be mended; the id under which the copy is sent stands in it. EPCIS has ids of its own. Where a
// number has more digits than a browser keeps, the text stays as it came.
function draft(row) {
  const event = parsed(row.text);
  if (event === null || typeof event !== "object" || Array.isArray(event) || doorOf(event) === "/v1/epcis/events") return row.text;
  if (/\d{16}|\d\.\d{10}/.test(row.text)) return row.text;
  return JSON.stringify({ event_id: row.mend_id, ...event, event_id: row.mend_id }, null, 1);
}

function said(text, bad = false) {
  return make("p", bad ? { class: "bad" } : {}, text);
}

// `wired`: {ingest, cures, key()}; the key is that of the form above.
export function refusal(row, wired) {
  const box = make("div", {});
  const open = make("button", { type: "button", class: "small", onclick: () => box.replaceChildren(...desk(row, wired)) }, word("integrate_mend"));
  const state = row.mended ? [make("p", { class: "mended" }, word("integrate_mended"), " ", linkTo(row.mend_id, doorOf(parsed(row.text))))] : [];
  box.append(make("pre", { tabindex: "0" }, row.text), ...(row.readable ? [open] : []));
  return make("article", { "data-mend": row.mend_id },
    make("h3", {}, `${word(`reasons.${row.reason}`)} · ${row.source ?? ""}`), make("p", {}, row.detail), ...state, box);
}

// Of what machines say nobody keeps a fate.
function linkTo(id, door) {
  return door === "/v1/machine-events" ? id : make("a", { href: `/v1/events/${encodeURIComponent(id)}` }, id);
}

// Sending opens after a check that passed, and sends what was checked.
function desk(row, wired) {
  const text = make("textarea", { spellcheck: "false", rows: "8", "aria-label": word("integrate_mend") });
  text.value = draft(row);
  const verdict = make("div", { class: "verdict", role: "status" });
  const send = make("button", { type: "button", class: "small", disabled: true, onclick: () => judge(false) }, word("integrate_send"));
  const check = make("button", { type: "button", class: "small", onclick: () => judge(true) }, word("integrate_check"));
  text.addEventListener("input", () => { send.disabled = true; });

  async function judge(validate) {
    send.disabled = true;
    verdict.replaceChildren(said(word("integrate_asking")));
    const sent = { path: doorOf(parsed(text.value)), body: text.value, source: row.source, key: wired.key(), validate };
    const found = await attempt(wired.ingest, sent);
    const lines = [said(`${found.status} ${found.said}`, !found.accepted)];
    if (found.reason in wired.cures) lines.push(said(wired.cures[found.reason], true));
    verdict.replaceChildren(...lines);
    send.disabled = found.sandbox || !(validate ? found.accepted : found.again);
    if (!found.accepted) return;
    if (validate || found.sandbox) return verdict.append(said(word(found.sandbox ? "integrate_sandbox" : "integrate_checked")));
    text.readOnly = true;
    check.disabled = true;
    verdict.append(make("p", {}, word("integrate_mended"), " ", linkTo(found.eventId, sent.path)));
    const fate = sent.path === "/v1/machine-events" ? "" : await fateOf(found.eventId, true);
    if (fate !== "") verdict.append(fate ? said(fate) : said(word("integrate_no_fate", { id: found.eventId }), true));
  }
  return [text, make("div", { class: "buttons" }, check, send), verdict];
}
