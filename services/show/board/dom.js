// Building and changing the page. Data only ever enters as text, never as markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// Changing a text to what it already is would make browsers lay the page out again.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// A setting of this browser; one that may not be kept is asked for again the next time.
export const kept = {
  get(name) {
    try {
      return localStorage.getItem(`floorstream.${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`floorstream.${name}`, value);
    } catch { /* private browsing */ }
  },
};

export const asked = new URLSearchParams(location.search);
