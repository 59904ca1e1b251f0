// The cards in their order: the most urgent first, the shelved ones last.

import { isShelved, urgency } from "/board/alert_words.js";
import { make, setText } from "/board/dom.js";
import { word } from "/board/words.js";
import { Card } from "/andon/card.js";

export class List {
  constructor(element, page) {
    Object.assign(this, { element, page, cards: new Map() });
    this.watch = new IntersectionObserver((entries) => entries.forEach((entry) => {
      const card = [...this.cards.values()].find((each) => each.element === entry.target);
      if (!card) return;
      card.seen = entry.isIntersecting;
      card.tick();
    }));
    this.shelved = make("h2", { class: "part" });
    this.empty = make("p", { class: "empty" });
  }

  // These alerts and no others. A card that stays is not touched, for a thumb may be on its way to it.
  show(alerts) {
    const wanted = [...alerts].sort(urgency);
    const ids = new Set(wanted.map((alert) => alert.alert_id));
    for (const [id, card] of this.cards) if (!ids.has(id)) this.#remove(id, card);
    const order = [];
    for (const alert of wanted) {
      if (isShelved(alert) && !order.includes(this.shelved)) order.push(this.shelved);
      order.push(this.#card(alert).element);
    }
    if (!order.length) order.push(this.empty);
    this.shelved.textContent = word("andon_shelved");
    this.#arrange(order);
  }

  #card(alert) {
    let card = this.cards.get(alert.alert_id);
    if (card && card.alert !== alert) card.update(alert); // in a flood of alerts most have no news
    if (!card) {
      card = new Card(alert, this.page);
      this.cards.set(alert.alert_id, card);
      this.watch.observe(card.element);
    }
    return card;
  }

  #remove(id, card) {
    this.watch.unobserve(card.element);
    this.cards.delete(id);
  }

  #arrange(order) {
    const kept = new Set(order);
    for (const child of [...this.element.children]) if (!kept.has(child)) child.remove();
    order.forEach((child, place) => {
      if (this.element.children[place] !== child) this.element.insertBefore(child, this.element.children[place] || null);
    });
  }

  button(alertId) {
    const card = this.cards.get(alertId);
    if (card) card.button();
  }

  // `says` is what stands there where there is no card.
  tick(says) {
    setText(this.empty, says);
    for (const card of this.cards.values()) card.tick();
  }

  // In another language everything is made anew.
  clear() {
    this.watch.disconnect();
    this.cards.clear();
    this.element.replaceChildren();
  }
}
