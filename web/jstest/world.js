/** A page's surroundings with a clock that only moves when told, and a back end that answers from a list. */
export class World {
  time = 1000; // milliseconds
  wallOffset = 5e11;
  asked = [];
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  window = new EventTarget();
  online = true;
  answers = [];
  timers = new Map();
  #ids = 0;

  surroundings = {
    fetch: (url, init) => this.#fetch(url, init),
    now: () => this.time,
    wall: () => this.time + this.wallOffset,
    random: () => 0.5,
    online: () => this.online,
    setTimeout: (run, ms) => (this.timers.set(++this.#ids, { run, at: this.time + ms }), this.#ids),
    clearTimeout: (id) => this.timers.delete(id),
    document: this.document,
    window: this.window,
  };

  #fetch(url, init) {
    this.asked.push({ url, ...init });
    const answer = this.answers.shift() ?? (() => tokenAnswer());
    return new Promise((resolve, reject) => {
      init.signal.addEventListener("abort", () => reject(init.signal.reason));
      Promise.resolve().then(() => answer(this)).then(resolve, reject);
    });
  }

  /** Lets seconds pass, running what falls due on the way. */
  async pass(seconds) {
    const until = this.time + seconds * 1000;
    for (;;) {
      await settle();
      const due = [...this.timers].filter(([, t]) => t.at <= until).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
    }
    this.time = until;
  }

  /** The network goes or comes back. */
  connect(online) {
    this.online = online;
    this.window.dispatchEvent(new Event(online ? "online" : "offline"));
  }

  /** The computer sleeps: timers and the monotonic clock stand still. */
  sleep(seconds) {
    this.wallOffset += seconds * 1000;
  }

  show(state) {
    this.document.visibilityState = state;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Lets everything that is ready run. */
export const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A media element, as far as a source looks at one. */
export class Media extends EventTarget {
  paused = true;
  ended = false;

  play() {
    this.paused = this.ended = false;
    this.dispatchEvent(new Event("play"));
  }

  pause() {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  end() {
    this.ended = true;
    this.dispatchEvent(new Event("ended"));
  }
}

let serial = 0;

export function tokenAnswer({ life = 100, margin = 20, ...more } = {}) {
  const body = {
    token: `t${++serial}`, video_id: "v", key_id: "k1",
    // A server whose clock is years off: it must not matter.
    issued_at: "2001-01-01T00:00:00Z",
    refresh_at: new Date(1e12 + (life - margin) * 1000).toISOString(),
    expires_at: new Date(1e12 + life * 1000).toISOString(),
    expires_in: life,
    urls: { hls: "https://media.test/v/hls.m3u8?jwt=x" },
    ...more,
  };
  return new Response(JSON.stringify(body), { status: 201, headers: { "content-type": "application/json" } });
}

export function refusal(status, code, headers = {}) {
  return new Response(JSON.stringify({ status, code, detail: `because ${code}` }), {
    status, headers: { "content-type": "application/problem+json", ...headers },
  });
}
