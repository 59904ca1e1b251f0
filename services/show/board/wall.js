// The wall view: everything on one screen, as large as it fits. All sizes are in rem, so one number decides.

import { asked, kept } from "/board/dom.js";

const SMALLEST = 7;
const LARGEST = 40;
const CLOSE_ENOUGH = 0.25;

export function isWall() {
  if (asked.has("wall")) return asked.get("wall") !== "0";
  const chosen = kept.get("wall");
  return chosen === null ? innerWidth >= 1800 && innerHeight >= 900 : chosen === "1";
}

export function showWall(wall) {
  document.documentElement.toggleAttribute("data-wall", wall);
  fit();
}

export function switchWall() {
  const wall = !document.documentElement.hasAttribute("data-wall");
  asked.delete("wall");
  kept.set("wall", wall ? "1" : "0");
  showWall(wall);
}

// The largest size at which nothing has to be scrolled to, by halving.
export function fit() {
  const page = document.documentElement;
  if (!page.hasAttribute("data-wall")) {
    page.style.fontSize = "";
    return;
  }
  let [fits, overflows] = [SMALLEST, LARGEST];
  while (overflows - fits > CLOSE_ENOUGH) {
    const size = (fits + overflows) / 2;
    page.style.fontSize = `${size}px`;
    if (isWhole()) fits = size;
    else overflows = size;
  }
  page.style.fontSize = `${fits}px`;
}

function isWhole() {
  const floor = document.getElementById("floor");
  const inside = document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth;
  return inside && floor.scrollHeight <= floor.clientHeight + 1 && floor.scrollWidth <= floor.clientWidth + 1
    && [...floor.querySelectorAll(".tile")].every((tile) => tile.scrollHeight <= tile.clientHeight + 1);
}
