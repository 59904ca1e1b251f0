// Puts the page of alerts together: the open ones, or with ?t=TOKEN the one that a link is for.

import { isOpen, isTaken } from "/board/alert_words.js";
import { asked, kept, make, setAttribute, setText } from "/board/dom.js";
import { time, useTimeZone } from "/board/format.js";
import { Live } from "/board/live.js";
import { language, loadWords, named, switchLanguage, word } from "/board/words.js";
import { Acting } from "/andon/acting.js";
import { Alerts } from "/andon/alerts.js";
import { Link } from "/andon/link.js";
import { List } from "/andon/list.js";
import { Who } from "/andon/who.js";

const page = document.documentElement;
const byId = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");

class Andon {
  constructor() {
    this.alerts = new Alerts();
    this.link = asked.has("t") ? new Link(asked.get("t")) : null;
    this.state = "wait";
    this.lostAt = null;
    this.notice = "";
    this.sought = decodeURIComponent(location.hash.slice(1));
    this.who = new Who(() => this.words());
    this.acting = new Acting(() => (this.link ? this.link.headers() : this.who.headers()), (alert) => this.put(alert), (id) => this.#step(id));
    this.list = new List(byId("list"), this);
    this.mayShelve = this.link === null;
  }

  now() {
    return this.alerts.complete || this.link?.expires ? this.alerts.now() : Date.now() * 1000;
  }

  isStale() {
    return this.state === "lost" || this.alerts.isStale();
  }

  // What a button asks for: first who it is, where nothing says it.
  act(alert, action, body) {
    const begin = () => this.acting.begin(alert, action, this.link?.by ? body : { ...body, by: this.who.name });
    if (this.link?.by || this.who.name) begin();
    else this.who.ask(begin);
  }

  put(alert) {
    this.alerts.put(alert);
    this.acting.settle(alert);
    this.show();
  }

  #step(alertId) {
    const task = this.acting.of(alertId);
    if (task && task.phase === "no_right" && !this.link) this.who.askRight(() => this.acting.again(alertId), task.detail);
    this.list.button(alertId);
  }

  take(kind, message) {
    this.alerts[kind](message);
    if (kind === "snapshot" && message.site) useTimeZone(message.site.time_zone);
    if (kind !== "heartbeat") {
      for (const alert of this.alerts.known.values()) this.acting.settle(alert);
      this.show();
    }
  }

  setLink(state) {
    if (state === "lost" && this.state !== "lost") this.lostAt = this.alerts.complete ? this.now() : null;
    this.state = state;
    this.tick();
  }

  shown() {
    if (!this.link) return this.alerts.open(this.team());
    const alert = this.alerts.known.get(this.link.alertId);
    return alert && alert.incident === this.link.incident ? [alert] : [];
  }

  show() {
    const { alerts } = this;
    if (this.link && this.link.alertId !== null) this.#showLink();
    if (alerts.complete || this.link?.alertId) this.list.show(this.shown());
    const waiting = [...alerts.known.values()].filter((alert) => isOpen(alert) && !isTaken(alert)).length;
    document.title = `${waiting ? `(${waiting}) ` : ""}${word("andon_title")}`;
    setText(byId("site"), alerts.site ? named(alerts.site) : "");
    this.#teams();
    this.tick();
    this.#find();
  }

  // The card that the address names, once.
  #find() {
    const card = this.sought && document.getElementById(this.sought);
    if (!card) return;
    this.sought = "";
    card.scrollIntoView();
  }

  #showLink() {
    const alert = this.alerts.known.get(this.link.alertId);
    this.notice = word("andon_link_for", { time: time(this.link.expires, this.now()) });
    if (alert && alert.incident !== this.link.incident) this.notice = word("andon_link_old_incident");
    else if (alert && !isOpen(alert)) this.notice = word("andon_link_over");
  }

  // The team chosen on this phone; none if the plant has it no longer.
  team() {
    return this.alerts.teams.some((team) => team.id === kept.get("team")) ? kept.get("team") : "";
  }

  #teams() {
    const { teams } = this.alerts;
    setAttribute(byId("choice"), "hidden", this.link ? "" : null);
    const options = [["", word("andon_everybody")], ...teams.map((team) => [team.id, named(team)])];
    byId("team").replaceChildren(...options.map(([value, says]) => make("option", { value }, says)));
    byId("team").value = this.team();
  }

  // Everything that is neither a number nor a name.
  words() {
    page.lang = language === "zh" ? "zh-CN" : "en";
    for (const element of document.querySelectorAll("[data-word]")) setText(element, word(element.dataset.word));
    setText(byId("title"), word("andon_title"));
    setText(byId("to-language"), word("other_language"));
    setAttribute(byId("to-language"), "aria-label", word("other_language_says"));
    setAttribute(byId("to-all"), "hidden", this.link ? null : "");
    setText(byId("to-who"), this.who.name || word("andon_no_name"));
  }

  tick() {
    const { alerts } = this;
    setAttribute(byId("link"), "data-link", this.state);
    setText(byId("link-word"), word(`link_${this.state}`));
    setAttribute(page, "data-stale", this.isStale() ? "" : null);
    const says = this.#banner();
    setText(byId("banner"), says);
    setAttribute(byId("banner"), "hidden", says ? null : "");
    setText(byId("notice"), this.list.cards.size ? this.notice : "");
    this.list.tick(this.link ? this.link.refused || this.notice : this.#none());
  }

  // No alerts is only believed up to when they were judged.
  #none() {
    const none = word(this.team() ? "andon_none_here" : "andon_none");
    return `${none} · ${word("andon_as_of", { time: time(this.alerts.confirmed ?? this.now(), this.now()) })}`;
  }

  #banner() {
    const { alerts } = this;
    const at = (us) => time(us, this.now());
    if (this.state === "lost") return this.lostAt === null ? word("andon_never") : word("andon_offline", { time: at(this.lostAt) });
    if (!alerts.isStale()) return "";
    return alerts.confirmed === null ? word("andon_no_floor") : word("andon_stale", { time: at(alerts.confirmed) });
  }

  listen() {
    byId("team").addEventListener("change", () => {
      kept.set("team", byId("team").value);
      this.show();
    });
    byId("to-who").addEventListener("click", () => this.who.ask());
    byId("to-language").addEventListener("click", () => {
      switchLanguage();
      this.words();
      this.list.clear();
      this.show();
    });
  }
}

async function begin() {
  const theme = () => (page.dataset.theme = dark.matches ? "dark" : "light");
  dark.addEventListener("change", theme);
  theme();
  await loadWords();
  const andon = new Andon();
  andon.words();
  andon.listen();
  setInterval(() => andon.tick(), 1000);
  new Live((kind, message) => andon.take(kind, message), (link) => andon.setLink(link), "/v1/live/alerts");
  if (!andon.link) return;
  const found = await andon.link.open();
  if (found) andon.alerts.clock.hear(found.now_us);
  if (found) andon.put(found.alert);
  else andon.show();
}

begin();
