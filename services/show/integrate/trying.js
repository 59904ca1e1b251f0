// Asking the server: a verdict, what became of an event, what was refused. Nothing here touches the page.

import { language, word } from "/board/words.js";

const FATE_TRIES = 60;
const FATE_PAUSE_MS = 500;
const UNDECIDED = ["pending", "forwarded"];
const MOST_REJECTS = 20;
const headers = () => ({ "Accept-Language": language });

// {status, accepted, again, said, reason, eventId}; status 0 where nobody answers, `again`: send the same bytes again.
// `ingest`: where scans are taken, empty where it is here.
export async function attempt(ingest, { path, body, key, validate, source }) {
  const sent = { ...headers(), "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  if (source) sent["X-Source"] = String.fromCharCode(...new TextEncoder().encode(source));
  try {
    const answer = await fetch(`${ingest}${path}${validate ? "?validate=true" : ""}`, { method: "POST", headers: sent, body });
    const found = await answer.json();
    const verdict = found.results?.[0];
    const text = verdict ? [word(`integrate_verdict_${verdict.status}`), verdict.detail].filter(Boolean).join(": ") : `${found.title}: ${found.detail}`;
    return {
      status: answer.status, accepted: answer.ok && verdict?.status === "accepted", again: [408, 503].includes(answer.status), said: text,
      reason: verdict?.reason ?? "", eventId: verdict?.event_id ?? "", sandbox: found.sandbox === true,
    };
  } catch (error) {
    return { status: 0, accepted: false, again: true, said: `${word(ingest ? "integrate_no_answer_of" : "integrate_no_answer", { address: ingest })} (${error.message})`, reason: "", eventId: "" };
  }
}

// The sentence that says what became of an event, or after half a minute how far it came; null where it did not come.
// `again`: an event of this id was refused before, which is not what is asked about.
export async function fateOf(eventId, again = false) {
  let said = null;
  for (let tries = 0; tries < FATE_TRIES; tries += 1) {
    try {
      const answer = await fetch(`/v1/events/${encodeURIComponent(eventId)}`, { headers: headers() });
      const events = answer.ok ? (await answer.json()).events : [];
      if (events.length) said = events.map((event) => event.sentence[language]).join(" ");
      if (events.some(({ fate }) => !UNDECIDED.includes(fate) && !(again && fate === "refused"))) return said;
    } catch { /* asked again */ }
    await new Promise((resume) => setTimeout(resume, FATE_PAUSE_MS));
  }
  return said;
}

// Bytes as text, and whether they are all of it; what is no UTF-8 or cannot be seen is shown as its number.
function shown(base64) {
  if (base64 === null) return { text: "", readable: false };
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const hex = (one) => `\\x${one.toString(16).padStart(2, "0")}`;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const seen = text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, (one) => hex(one.charCodeAt(0)));
    return { text: seen, readable: seen === text };
  } catch {
    const seen = Array.from(bytes, (one) => (one < 32 || one > 126 ? hex(one) : String.fromCharCode(one))).join("");
    return { text: seen, readable: false };
  }
}

export async function refused() {
  try {
    const answer = await fetch(`/v1/rejects?limit=${MOST_REJECTS}`, { headers: headers() });
    const found = await answer.json();
    if (!answer.ok) return { problem: `${found.title}: ${found.detail}` };
    const detail = (row) => (typeof row.detail === "string" ? row.detail : (row.detail?.[language] ?? ""));
    return { counts: found.counts, rejects: found.rejects.map((row) => ({ ...row, detail: detail(row), ...shown(row.value) })) };
  } catch {
    return { problem: word("integrate_no_answer") };
  }
}
