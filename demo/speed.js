// How fast bytes arrive, over the last few seconds.

const WINDOW = 4000; // milliseconds
const SETTLED = 1000; // before that, a number would only jump

export class Speed {
  #samples = [];

  /** So many bytes have arrived in all, at that time in milliseconds. */
  add(total, now) {
    this.#samples.push([total, now]);
    while (this.#samples.length > 2 && now - this.#samples[1][1] >= WINDOW) this.#samples.shift();
  }

  /** Bytes per second; null while nobody can tell. */
  get perSecond() {
    const [first, last] = [this.#samples.at(0), this.#samples.at(-1)];
    const time = last ? last[1] - first[1] : 0;
    return time >= SETTLED ? (1000 * (last[0] - first[0])) / time : null;
  }

  toString() {
    const speed = this.perSecond;
    if (speed === null) return '';
    return speed < 1e5 ? `${Math.round(speed / 1e3)} kB/s` : `${(speed / 1e6).toFixed(1)} MB/s`;
  }
}
