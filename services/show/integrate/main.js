// The integrator's page: examples for this plant, a scan to try, what refusals mean and which there were.

import { make, setText } from "/board/dom.js";
import { language, loadWords, named, switchLanguage, word } from "/board/words.js";
import { examples } from "/integrate/examples.js";
import { attempt, fateOf, refused } from "/integrate/trying.js";

const byId = (id) => document.getElementById(id);
let plant = null;
let checked = "";

function said(text, bad = false) {
  return make("p", bad ? { class: "bad" } : {}, text);
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
    ...examples(plant, location.origin).flatMap(([title, text]) => [make("h3", {}, word(title)), make("pre", { tabindex: "0" }, text)]),
  );
  byId("codes").replaceChildren(
    ...plant.codes.map((one) => make("div", {}, make("dt", {}, `${one.status} ${one.code}`), make("dd", {}, one[language]))),
  );
  byId("reasons").replaceChildren(
    ...Object.entries(plant.reasons).flatMap(([reason, cure]) => [
      make("dt", {}, `${word(`reasons.${reason}`)} (${reason})`), make("dd", {}, cure[language]),
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
  const found = await attempt(checked, byId("key").value, validate);
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
  byId("rejects").replaceChildren(
    said(counts.join(" · ") || word("integrate_no_rejects")),
    ...found.rejects.flatMap((row) => [
      make("h3", {}, `${word(`reasons.${row.reason}`)} · ${row.source ?? ""}`),
      make("p", {}, row.detail),
      make("pre", { tabindex: "0" }, row.text),
    ]),
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
