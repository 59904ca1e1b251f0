// The integrator's page: examples for this plant, a scan to try, what refusals mean and which there were.

import { make, setText } from "/board/dom.js";
import { language, loadWords, named, switchLanguage, word } from "/board/words.js";
import { examples } from "/integrate/examples.js";
import { refusal } from "/integrate/mending.js";
import { attempt, fateOf, refused } from "/integrate/trying.js";

const byId = (id) => document.getElementById(id);
let plant = null;
let checked = "";

function said(text, bad = false) {
  return make("p", bad ? { class: "bad" } : {}, ...coded(text));
}

// What stands between backticks is to be typed.
function coded(text) {
  return text.split("`").map((part, number) => (number % 2 ? make("code", {}, part) : part));
}

// By the old command, because the new way to the clipboard is closed to pages that come over plain http.
function example([title, text]) {
  const shown = make("pre", { tabindex: "0" }, text);
  function copy() {
    getSelection().selectAllChildren(shown);
    setText(button, word(document.execCommand("copy") ? "integrate_copied" : "integrate_selected"));
  }
  const button = make("button", { type: "button", class: "small copy", onclick: copy }, word("integrate_copy"));
  return [make("div", { class: "titled" }, make("h3", {}, word(title)), button), shown];
}

function words() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = word("integrate_title");
  for (const element of document.querySelectorAll("[data-word]")) setText(element, word(element.dataset.word));
  setText(byId("to-language"), word("other_language"));
}

function show() {
  words();
  if (plant === null) return;
  setText(byId("site"), plant.site ? named(plant.site) : "");
  const chosen = byId("read-point").value;
  byId("read-point").replaceChildren(...plant.read_points.map(({ id }) => make("option", { value: id, selected: id === chosen }, id)));
  byId("ways").replaceChildren(
    ...examples(plant, plant.ingest || location.origin).flatMap(example),
  );
  byId("codes").replaceChildren(
    ...plant.codes.map((one) => make("div", {}, make("dt", {}, `${one.status} ${one.code}`), make("dd", {}, one[language]))),
  );
  byId("reasons").replaceChildren(
    ...Object.entries(plant.reasons).flatMap(([reason, cure]) => [
      make("dt", {}, word(`reasons.${reason}`) === reason ? reason : `${word(`reasons.${reason}`)} (${reason})`), make("dd", {}, ...coded(cure[language])),
    ]),
  );
}

// A verdict is said with its cure; the button that sends opens only after a check that passed, and sends what was
// checked, byte for byte: it may be sent again where there was no answer.
async function judge(validate) {
  const scan = { unit_id: byId("unit").value, read_point_id: byId("read-point").value, event_time: new Date().toISOString() };
  if (validate) checked = JSON.stringify(scan);
  byId("send").disabled = true;
  byId("verdict").replaceChildren(said(word("integrate_asking")));
  const found = await attempt(plant.ingest, { path: "/v1/scans", body: checked, key: byId("key").value, validate });
  const lines = [said(`${found.status} ${found.said}`, !found.accepted)];
  if (found.reason in plant.reasons) lines.push(said(plant.reasons[found.reason][language], true));
  byId("send").disabled = !(validate ? found.accepted : found.again);
  byId("verdict").replaceChildren(...lines);
  if (found.accepted && found.sandbox) {
    byId("send").disabled = true;
    byId("verdict").append(said(word("integrate_sandbox")));
  } else if (found.accepted && validate) byId("verdict").append(said(word("integrate_checked")));
  if (found.accepted && !validate && !found.sandbox) {
    const fate = await fateOf(found.eventId);
    byId("verdict").append(fate ? said(fate) : said(word("integrate_no_fate", { id: found.eventId }), true));
    await showRejects();
  }
}

async function showRejects() {
  const found = await refused();
  if (found.problem) return byId("rejects").replaceChildren(said(found.problem));
  const counts = Object.entries(found.counts).map(([reason, number]) => `${word(`reasons.${reason}`)}: ${number}`);
  const cures = Object.fromEntries(Object.entries(plant.reasons).map(([reason, cure]) => [reason, cure[language]]));
  const wired = { ingest: plant.ingest, cures, key: () => byId("key").value };
  byId("rejects").replaceChildren(
    said(counts.join(" · ") || word("integrate_no_rejects")),
    ...found.rejects.map((row) => refusal(row, wired)),
  );
}

async function begin() {
  await loadWords();
  words();
  const answer = await fetch("/integrate/plant.json");
  if (!answer.ok) {
    byId("banner").hidden = false;
    setText(byId("banner"), word("integrate_no_plant"));
    return;
  }
  plant = await answer.json();
  byId("unit").value = "MY-1";
  show();
  for (const field of ["unit", "read-point", "key"]) byId(field).addEventListener("input", () => { byId("send").disabled = true; });
  byId("try").addEventListener("submit", (event) => event.preventDefault());
  byId("check").addEventListener("click", () => judge(true));
  byId("send").addEventListener("click", () => judge(false));
  await showRejects();
}

byId("to-language").addEventListener("click", () => {
  switchLanguage();
  byId("verdict").replaceChildren();
  byId("send").disabled = true;
  show();
  if (plant !== null) showRejects();
});
begin();
