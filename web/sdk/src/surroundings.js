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
 * @param {AbortSignal} signal
 */
export function pause(env, ms, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      env.clearTimeout(timer);
      env.window?.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      signal.aborted ? reject(signal.reason) : resolve(undefined);
    };
    const timer = env.setTimeout(done, ms);
    env.window?.addEventListener("online", done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
