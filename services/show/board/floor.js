// What is known of the floor, and how old it is. Ages go by the server's clock, never by this computer's.

import { OpenAlerts } from "/board/alerts.js";
import { ServerClock } from "/board/server_clock.js";

export class Floor {
  constructor() {
    this.clock = new ServerClock();
    this.operations = new Map();
    this.alerts = new OpenAlerts();
    this.confirmed = [];
    this.trueUntil = null;
    this.staleAfter = 15e6;
    this.plant = null;
    this.whole = null;
  }

  // The server's clock now, µs.
  now() {
    return this.clock.now();
  }

  snapshot(message) {
    this.heartbeat(message);
    this.whole = message;
    this.staleAfter = message.stale_after_us;
    this.plant = message.plant;
    this.alerts.snapshot(message.alerts);
    this.operations = new Map(message.operations.map((operation) => [operation.operation_id, operation]));
  }

  // Returns the operations that have changed.
  changed(message) {
    this.heartbeat(message);
    if (message.plant) this.plant = message.plant;
    this.alerts.changed(message.alerts);
    const changed = [];
    for (const { operation_id: id, state } of message.operations) {
      const operation = this.operations.get(id);
      if (!operation) continue; // not in the plant model, or it will come with the next snapshot
      operation.state = state;
      changed.push(operation);
    }
    return changed;
  }

  heartbeat(message) {
    this.clock.hear(message.now_us);
    this.confirmed = message.confirmed_us;
    this.trueUntil = message.true_until_us;
    this.alerts.judgedUntil = message.judged_until_us;
  }

  // Up to when the numbers of an operation, or of the plant, are known to hold; null before there are any.
  confirmedAt(entry) {
    const known = [entry.state.as_of_us, this.confirmed[entry.partition]].filter((us) => us !== null && us !== undefined);
    if (!known.length) return null;
    return this.trueUntil === null ? Math.max(...known) : Math.min(this.trueUntil, Math.max(...known));
  }

  isStale(entry) {
    const at = this.confirmedAt(entry);
    return at === null || this.now() - at > this.staleAfter;
  }
}
