// The server's clock, as its messages tell it: this computer's own may be wrong by hours.

export class ServerClock {
  constructor() {
    this.offset = -Infinity;
  }

  // The server's clock now, µs. A message that took long makes it look slow, so the quickest one counts.
  now() {
    return performance.now() * 1000 + this.offset;
  }

  hear(nowUs) {
    const offset = nowUs - performance.now() * 1000;
    if (offset > this.offset || this.offset - offset > 2e6) this.offset = offset;
  }
}
