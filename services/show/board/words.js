// The words people see: words.json of the server, the language of the browser unless somebody chose one.

import { asked, kept } from "/board/dom.js";

const LANGUAGES = ["en", "zh"];
let words = { en: {}, zh: {} };
export let language = chosen();

function chosen() {
  const wishes = [asked.get("lang"), kept.get("lang"), ...(navigator.languages || [navigator.language])];
  for (const wish of wishes) {
    const primary = (wish || "").toLowerCase().split("-")[0];
    if (LANGUAGES.includes(primary)) return primary;
  }
  return "en";
}

export async function loadWords() {
  const answer = await fetch("/board/words.json");
  if (!answer.ok) throw new Error(`words.json: ${answer.status}`);
  words = await answer.json();
}

export function switchLanguage() {
  language = language === "en" ? "zh" : "en";
  kept.set("lang", language);
}

export function word(key, values = {}) {
  const text = words[language][key];
  return text === undefined ? key : text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// A name of the plant model, which has both languages.
export const named = (thing) => (thing && thing.name && (thing.name[language] || thing.name.en)) || (thing ? thing.id : "");

export const locale = () => (language === "zh" ? "zh-CN" : "en-GB");
