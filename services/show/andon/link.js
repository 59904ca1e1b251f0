// A link from a message: ?t=TOKEN opens one incident of one alert and may acknowledge it, without a key and a name.

import { language } from "/board/words.js";

const PAUSE_MS = 3_000;

export class Link {
  constructor(token) {
    this.token = token;
    this.alertId = null;
    this.incident = null;
    this.by = null;
    this.expires = null;
    this.refused = ""; // why it opens nothing
  }

  headers() {
    return { "X-Alert-Token": this.token };
  }

  // Ask what it is for, until there is an answer. Returns the alert, or null where it opens nothing.
  async open() {
    for (;;) {
      try {
        const answer = await fetch("/v1/alert-link", { headers: { ...this.headers(), "Accept-Language": language } });
        const body = await answer.json();
        if (answer.ok) {
          Object.assign(this, { alertId: body.alert_id, incident: body.incident, by: body.by, expires: body.expires_us });
          return body;
        }
        if (answer.status < 500 && answer.status !== 429) {
          this.refused = `${body.title}. ${body.detail}`;
          return null;
        }
      } catch { /* no network: again */ }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
