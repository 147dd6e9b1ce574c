// @ts-check

/**
 * One request that several callers wait for; it ends when the last one leaves.
 * @template T
 */
export class Flight {
  #controller = new AbortController();
  #waiting = 0;
  #result;

  /** @param {(signal: AbortSignal) => Promise<T>} run */
  constructor(run) {
    // A turn later, so that the caller holds the flight before it can land.
    this.#result = Promise.resolve().then(() => run(this.#controller.signal));
    this.#result.catch(() => {});
  }

  get abandoned() {
    return this.#controller.signal.aborted;
  }

  /** @param {unknown} reason */
  abort(reason) {
    this.#controller.abort(reason);
  }

  /** @param {AbortSignal} [signal] gives up this caller only @returns {Promise<T>} */
  join(signal) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#waiting++;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal?.reason);
        if (--this.#waiting === 0) this.abort(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      const stay = () => signal?.removeEventListener("abort", leave);
      this.#result.finally(stay).then(resolve, reject);
    });
  }
}
