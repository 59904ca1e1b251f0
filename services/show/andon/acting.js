// What the person does, until it is done: a moment to take it back, then sent again and again with the same action_id.
//
//   undo ─3 s─► sending ─► done (the alert says so itself)
//                  ├─ no answer, busy ─► retrying, at once when the network is back
//                  ├─ 202 ─► on_its_way, asked again
//                  ├─ no_right ─► again, with another right
//                  └─ refused ─► says why

import { language } from "/board/words.js";

const UNDO_MS = 3_000;
const ANSWER_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
const PASSING = [408, 429, 500, 502, 503, 504];

// randomUUID is there in secure contexts only, and phones come over plain http.
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Acting {
  // `right()` gives the headers of whoever acts, `put(alert)` takes an answer, `show(alertId)` after every step.
  constructor(right, put, show) {
    Object.assign(this, { right, put, show, tasks: new Map() });
    addEventListener("online", () => this.#each((task) => task.wake && task.wake()));
    addEventListener("pagehide", () => this.#each((task) => task.phase === "undo" && this.#now(task)));
  }

  // What is going on with an alert: {phase, action, at, attempts, detail}, or undefined.
  of = (alertId) => this.tasks.get(alertId);

  begin(alert, action, body) {
    const task = { alertId: alert.alert_id, incident: alert.incident, action, phase: "undo", attempts: 0, until: performance.now() + UNDO_MS };
    task.body = { ...body, incident: alert.incident, action_id: newId() };
    task.timer = setTimeout(() => this.#now(task), UNDO_MS);
    this.tasks.set(alert.alert_id, task);
    this.show(alert.alert_id);
  }

  undo(alertId) {
    const task = this.tasks.get(alertId);
    if (!task || task.phase !== "undo") return;
    clearTimeout(task.timer);
    this.#end(task);
  }

  // The same once more, after the person has shown another right.
  again(alertId) {
    const task = this.tasks.get(alertId);
    if (task && task.phase === "no_right") this.#now(task);
  }

  // A refusal was read.
  dismiss(alertId) {
    const task = this.tasks.get(alertId);
    if (task && (task.phase === "refused" || task.phase === "no_right")) this.#end(task);
  }

  // The alert itself shows what was wanted, or has moved on to another incident: nothing is left to send.
  settle(alert) {
    const task = this.tasks.get(alert.alert_id);
    if (!task || task.phase === "refused") return;
    const done = {
      acknowledge: alert.acknowledged_us !== null || alert.state === "normal",
      shelve: alert.shelved_by !== null && alert.shelve_reason === task.body.reason,
      unshelve: alert.shelved_by === null,
    };
    if (done[task.action] || alert.incident !== task.incident) this.#end(task);
  }

  #each(what) {
    [...this.tasks.values()].forEach(what);
  }

  #end(task) {
    task.over = true;
    if (task.wake) task.wake();
    if (this.tasks.get(task.alertId) === task) this.tasks.delete(task.alertId);
    this.show(task.alertId);
  }

  #say(task, phase, detail = "") {
    Object.assign(task, { phase, detail });
    this.show(task.alertId);
  }

  async #now(task) {
    clearTimeout(task.timer);
    let pause = FIRST_PAUSE_MS;
    this.#say(task, "sending");
    while (!task.over) {
      task.attempts += 1;
      const answer = await this.#send(task);
      if (task.over) return;
      if (answer.status === 200) {
        this.put(answer.body.alert);
        return this.#end(task);
      }
      if (answer.status === 202) this.#say(task, "on_its_way");
      else if (!answer.status || PASSING.includes(answer.status)) this.#say(task, "retrying");
      else {
        if (answer.body.alert) this.put(answer.body.alert);
        return this.#say(task, answer.status === 401 || answer.status === 403 ? "no_right" : "refused", answer.body.detail);
      }
      await new Promise((resolve) => {
        task.wake = resolve;
        setTimeout(resolve, pause * (0.7 + 0.6 * Math.random()));
      });
      task.wake = null;
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  // {status, body}; status 0 where nothing came back.
  async #send(task) {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), ANSWER_MS);
    try {
      const answer = await fetch(`/v1/alerts/${encodeURIComponent(task.alertId)}/${task.action}`, {
        method: "POST", keepalive: true, signal: giveUp.signal, body: JSON.stringify(task.body),
        headers: { "Content-Type": "application/json", "Accept-Language": language, ...this.right() },
      });
      return { status: answer.status, body: await answer.json() };
    } catch {
      return { status: 0, body: {} };
    } finally {
      clearTimeout(timer);
    }
  }
}
