// Asking the server: a verdict, what became of an event, what was refused. Nothing here touches the page.

import { language, word } from "/board/words.js";

const FATE_TRIES = 20;
const FATE_PAUSE_MS = 500;
const MOST_REJECTS = 20;
const headers = () => ({ "Accept-Language": language });

// {status, accepted, again, said, reason, eventId}; status 0 where nobody answers, `again`: send the same bytes again.
export async function attempt(body, key, validate) {
  const sent = { ...headers(), "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  try {
    const answer = await fetch(`/v1/scans${validate ? "?validate=true" : ""}`, { method: "POST", headers: sent, body });
    const found = await answer.json();
    const verdict = found.results?.[0];
    const text = verdict ? [verdict.status, verdict.detail].filter(Boolean).join(": ") : `${found.title}: ${found.detail}`;
    return {
      status: answer.status, accepted: answer.ok && verdict?.status === "accepted", again: [408, 503].includes(answer.status), said: text,
      reason: verdict?.reason ?? "", eventId: verdict?.event_id ?? "", sandbox: found.sandbox === true,
    };
  } catch (error) {
    return { status: 0, accepted: false, again: true, said: `${word("integrate_no_answer")} (${error.message})`, reason: "", eventId: "" };
  }
}

// The sentence that says what became of an event, null where it did not come in ten seconds.
export async function fateOf(eventId) {
  for (let tries = 0; tries < FATE_TRIES; tries += 1) {
    try {
      const answer = await fetch(`/v1/events/${encodeURIComponent(eventId)}`, { headers: headers() });
      if (answer.ok) return (await answer.json()).events.map((event) => event.sentence[language]).join(" ");
    } catch { /* asked again */ }
    await new Promise((resume) => setTimeout(resume, FATE_PAUSE_MS));
  }
  return null;
}

// Bytes as text; what is no UTF-8 or cannot be seen is shown as its number.
function readable(base64) {
  if (base64 === null) return "";
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const hex = (one) => `\\x${one.toString(16).padStart(2, "0")}`;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.replace(/[\x00-\x09\x0b-\x1f\x7f]/g, (one) => hex(one.charCodeAt(0)));
  } catch {
    return Array.from(bytes, (one) => (one < 32 || one > 126 ? hex(one) : String.fromCharCode(one))).join("");
  }
}

export async function refused() {
  try {
    const answer = await fetch(`/v1/rejects?limit=${MOST_REJECTS}`, { headers: headers() });
    const found = await answer.json();
    if (!answer.ok) return { problem: `${found.title}: ${found.detail}` };
    const detail = (row) => (typeof row.detail === "string" ? row.detail : (row.detail?.[language] ?? ""));
    return { counts: found.counts, rejects: found.rejects.map((row) => ({ ...row, detail: detail(row), text: readable(row.value) })) };
  } catch {
    return { problem: word("integrate_no_answer") };
  }
}
