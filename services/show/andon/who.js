// Who acts: a name that everybody sees and, where the server wants one, a key. Kept on this phone.

import { kept, make } from "/board/dom.js";
import { word } from "/board/words.js";

export class Who {
  // `changed()` after somebody has said who they are.
  constructor(changed) {
    this.changed = changed;
    this.dialog = document.getElementById("who");
    this.keyNeeded = kept.get("key") !== null;
  }

  get name() {
    return kept.get("name") || "";
  }

  headers() {
    const key = kept.get("key");
    return key ? { Authorization: `Bearer ${key}` } : {};
  }

  // Ask; `then()` once there is a name. `detail`: why it is asked.
  ask(then = () => {}, detail = "") {
    const name = make("input", { id: "who-name", required: true, maxlength: 60, autocomplete: "name", enterkeyhint: "done" });
    name.value = this.name;
    const key = make("input", { id: "who-key", type: "password", autocomplete: "off", maxlength: 300 });
    key.value = kept.get("key") || "";
    const save = (event) => {
      event.preventDefault();
      if (!name.value.trim()) return name.focus();
      kept.set("name", name.value.trim());
      if (this.keyNeeded) kept.set("key", key.value.trim());
      this.dialog.close();
      this.changed();
      then();
    };
    const keyPart = [make("label", { for: "who-key" }, word("andon_key")), key, make("p", { class: "means" }, word("andon_key_means"))];
    this.dialog.replaceChildren(make("form", { onsubmit: save },
      make("h2", { id: "who-title" }, word("andon_who")),
      ...(detail ? [make("p", { class: "why" }, detail)] : []),
      make("label", { for: "who-name" }, word("andon_name")), name,
      ...(this.keyNeeded ? keyPart : []),
      make("div", { class: "row" },
        make("button", { type: "button", class: "big", onclick: () => this.dialog.close() }, word("andon_cancel")),
        make("button", { type: "submit", class: "big main" }, word("andon_save")))));
    if (!this.dialog.open) this.dialog.showModal();
  }

  // The server refused what we have.
  askRight(then, detail) {
    this.keyNeeded = true;
    this.ask(then, detail);
  }
}
