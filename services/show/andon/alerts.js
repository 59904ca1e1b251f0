// What is known of the alerts, and how old it is. Ages go by the server's clock, never by this phone's.

import { ServerClock } from "/board/server_clock.js";
import { isOpen } from "/board/alert_words.js";

export class Alerts {
  constructor() {
    this.clock = new ServerClock();
    this.known = new Map();
    this.teams = [];
    this.site = null;
    this.confirmed = null;
    this.staleAfter = 30e6;
    this.complete = false; // has a snapshot come?
  }

  now() {
    return this.clock.now();
  }

  snapshot(message) {
    this.heartbeat(message);
    this.known = new Map(message.alerts.map((alert) => [alert.alert_id, alert]));
    ({ teams: this.teams, site: this.site, stale_after_us: this.staleAfter } = message);
    this.complete = true;
  }

  changed(message) {
    this.heartbeat(message);
    message.alerts.forEach((alert) => this.put(alert));
  }

  heartbeat(message) {
    this.clock.hear(message.now_us);
    this.confirmed = message.confirmed_us;
  }

  // A version of an alert, from the stream or from an answer; an older one than is known is left aside.
  put(alert) {
    const known = this.known.get(alert.alert_id);
    if (!known || known.version <= alert.version) this.known.set(alert.alert_id, alert);
  }

  // The open ones; those that no team is responsible for are shown to every team.
  open(team) {
    return [...this.known.values()].filter((alert) => isOpen(alert) && (!team || !alert.teams.length || alert.teams.includes(team)));
  }

  isStale() {
    return this.complete && (this.confirmed === null || this.now() - this.confirmed > this.staleAfter);
  }
}
