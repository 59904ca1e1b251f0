// The wall view: everything on one screen, as large as it fits. All sizes are in rem, so one number decides.

import { asked, kept } from "/board/dom.js";

const SMALLEST = 7;
const LARGEST = 40;
const STEP = 0.5;
const NARROW = 640;
let fitted = null; // was the banner hidden then

export function isWall() {
  if (asked.has("wall")) return asked.get("wall") !== "0";
  if (innerWidth < NARROW) return false;
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

// The largest size at which nothing has to be scrolled to. Not by halving: lines break anew at every size, so a smaller
// one may not fit where a larger one does.
export function fit() {
  const page = document.documentElement;
  page.style.fontSize = "";
  fitted = document.getElementById("banner").hidden;
  if (!page.hasAttribute("data-wall")) return;
  for (let size = LARGEST; size >= SMALLEST; size -= STEP) {
    page.style.fontSize = `${size}px`;
    if (isWhole()) return;
  }
}

// A number that has got longer, or a banner, may need room.
export function keepFit() {
  const page = document.documentElement;
  const banner = document.getElementById("banner").hidden;
  if (page.hasAttribute("data-wall") && (banner !== fitted || !isWhole())) fit();
}

function isWhole() {
  const floor = document.getElementById("floor");
  const inside = document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth;
  const bottom = floor.getBoundingClientRect().bottom;
  return inside && [...floor.children].every((center) => center.getBoundingClientRect().bottom < bottom)
    && [...floor.querySelectorAll(".tile, .tiles, .counts, .facts, .longest")].every((box) => box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1);
}
