// The connection to the live stream. It is alive only while messages come: the server sends one at least every 5 s.

const SILENCE_MS = 12_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

export class Live {
  // `take(kind, message)` for each message; `link(state)` with "live" or "lost" when that changes.
  constructor(take, link, address = "/v1/live") {
    this.address = address;
    this.take = take;
    this.link = link;
    this.pause = FIRST_PAUSE_MS;
    this.heard = performance.now();
    setInterval(() => this.#watch(), 1000);
    addEventListener("online", () => this.#open());
    this.#open();
  }

  #open() {
    clearTimeout(this.again);
    if (this.source) this.source.close();
    const source = new EventSource(this.address);
    this.source = source;
    this.heard = performance.now();
    for (const kind of ["snapshot", "changed", "heartbeat"]) {
      source.addEventListener(kind, (event) => {
        this.heard = performance.now();
        this.pause = FIRST_PAUSE_MS;
        this.take(kind, JSON.parse(event.data));
        this.link("live");
      });
    }
    source.addEventListener("error", () => {
      if (source !== this.source) return;
      this.link("lost");
      // A browser comes back by itself unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) this.#later();
    });
  }

  #later() {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.#open(), this.pause * (0.5 + Math.random()));
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }

  #watch() {
    if (performance.now() - this.heard < SILENCE_MS) return;
    this.link("lost");
    this.heard = performance.now();
    this.#open();
  }
}
