// Puts the board together.

import { asked, kept, setAttribute, setText } from "/board/dom.js";
import { AlertStrip } from "/board/alerts.js";
import { Detail } from "/board/detail.js";
import { Floor } from "/board/floor.js";
import { FloorView } from "/board/floor_view.js";
import { useTimeZone } from "/board/format.js";
import { Live } from "/board/live.js";
import { PlantBar } from "/board/plant_bar.js";
import { fit, isWall, keepFit, showWall, switchWall } from "/board/wall.js";
import { language, loadWords, switchLanguage, word } from "/board/words.js";

const page = document.documentElement;
const button = (id) => document.getElementById(id);
const light = matchMedia("(prefers-color-scheme: light)");

function theme() {
  const chosen = asked.get("theme") || kept.get("theme");
  if (chosen === "dark" || chosen === "light") return chosen;
  return light.matches && !page.hasAttribute("data-wall") ? "light" : "dark";
}

// Everything that is neither a number nor a name.
function showWords() {
  page.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) setText(element, word(element.dataset.word));
  setText(button("to-language"), word("other_language"));
  setAttribute(button("to-language"), "aria-label", word("other_language_says"));
  setAttribute(button("to-language"), "lang", language === "zh" ? "en" : "zh-CN");
  showView();
}

function showView() {
  page.dataset.theme = theme();
  setText(button("to-wall"), word(page.hasAttribute("data-wall") ? "wall_off" : "wall_on"));
  setText(button("to-theme"), word(page.dataset.theme === "dark" ? "theme_light" : "theme_dark"));
}

async function begin() {
  await loadWords();
  page.toggleAttribute("data-wall", isWall());
  const floor = new Floor();
  const detail = new Detail(floor);
  const view = new FloorView(document.getElementById("floor"), floor, (...what) => detail.open(...what), (unit) => detail.machine(unit));
  const bar = new PlantBar(floor);
  const strip = new AlertStrip(document.getElementById("strip"), floor);
  showWords();

  const take = {
    snapshot(message) {
      floor.snapshot(message);
      if (message.site) useTimeZone(message.site.time_zone);
      bar.show();
      strip.show();
      view.show();
      fit();
    },
    changed(message) {
      view.update(floor.changed(message));
      view.machines.changed(message.work_units);
      bar.update();
      if (message.alerts.length) strip.show();
    },
    heartbeat: (message) => floor.heartbeat(message),
  };
  new Live((kind, message) => take[kind](message), (link) => bar.setLink(link));

  setInterval(() => {
    bar.tick();
    strip.tick();
    if (floor.whole) view.tick();
    keepFit();
  }, 1000);
  button("to-language").addEventListener("click", () => {
    switchLanguage();
    showWords();
    detail.close();
    bar.show();
    strip.show();
    if (floor.whole) view.show();
    fit();
  });
  button("to-wall").addEventListener("click", () => {
    switchWall();
    showView();
  });
  button("to-theme").addEventListener("click", () => {
    asked.delete("theme");
    kept.set("theme", page.dataset.theme === "dark" ? "light" : "dark");
    showView();
  });
  light.addEventListener("change", showView);
  addEventListener("resize", () => {
    if (!asked.has("wall") && kept.get("wall") === null) showWall(isWall());
    else fit();
    showView();
  });
}

begin();
