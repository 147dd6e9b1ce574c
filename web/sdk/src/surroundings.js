// @ts-check

/**
 * What a source needs of the page; a test brings its own.
 * @typedef {object} Surroundings
 * @property {typeof fetch} fetch
 * @property {() => number} now    monotonic, milliseconds
 * @property {() => number} wall   wall clock, milliseconds; only its differences count
 * @property {() => number} random
 * @property {() => boolean} online
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {EventTarget & {visibilityState: string}} [document]
 * @property {EventTarget} [window]
 */

/** @returns {Surroundings} */
export function browser() {
  return {
    fetch: (...args) => globalThis.fetch(...args),
    now: () => performance.now(),
    wall: () => Date.now(),
    random: Math.random,
    online: () => globalThis.navigator?.onLine !== false,
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    document: globalThis.document,
    window: globalThis.window,
  };
}

/**
 * Returns what tells the seconds since. A monotonic clock may stand still while
 * a computer sleeps and a wall clock may be set; the longer of two differences
 * is the safe one.
 * @param {Surroundings} env
 */
export function stopwatch(env) {
  const now = env.now();
  const wall = env.wall();
  return () => Math.max(env.now() - now, env.wall() - wall) / 1000;
}

/**
 * Runs something for so many milliseconds at most.
 * @template T
 * @param {Surroundings} env
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {unknown} late what is thrown then
 * @param {(signal: AbortSignal) => Promise<T>} run
 * @returns {Promise<T>}
 */
export function within(env, ms, signal, late, run) {
  const limit = new AbortController();
  const timer = env.setTimeout(() => limit.abort(late), ms);
  const follow = () => limit.abort(signal.reason);
  signal.addEventListener("abort", follow);
  const ended = new Promise((_, reject) => limit.signal.addEventListener("abort", () => reject(limit.signal.reason)));
  return Promise.race([run(limit.signal), /** @type {Promise<never>} */ (ended)]).finally(() => {
    env.clearTimeout(timer);
    signal.removeEventListener("abort", follow);
  });
}

/**
 * Waits; coming back online ends it early.
 * @param {Surroundings} env
 * @param {number} ms
 * @param {AbortSignal[]} signals that give up the wait
 */
export function pause({ window, setTimeout, clearTimeout }, ms, signals) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      window?.removeEventListener("online", done);
      for (const signal of signals) {
        signal.removeEventListener("abort", done);
        if (signal.aborted) reject(signal.reason);
      }
      resolve(undefined);
    };
    const timer = setTimeout(done, ms);
    window?.addEventListener("online", done);
    for (const signal of signals) signal.addEventListener("abort", done);
  });
}
