// @ts-check
/** How both players talk to a media server, and tell one failure from another. */

/** Playback stopped, or could not start. `code` is for messageFor. */
export class PlaybackError extends Error {
  /** @param {string} message @param {{code: string, status?: number, retryAfter?: number, retryable?: boolean}} of */
  constructor(message, { code, status = 0, retryAfter = 0, retryable = false }) {
    super(message);
    this.name = "PlaybackError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter; // seconds
    this.retryable = retryable;
  }

  /** A new token may help. */
  get refused() {
    return this.status === 401 || this.status === 403;
  }
}

const answerWithin = 20_000; // milliseconds, body included

/**
 * Fetches without credentials or referrer: permission is in the URL, and the
 * URL belongs nowhere else. Messages name no URL for the same reason.
 * @template T
 * @param {string} url
 * @param {(answer: Response) => Promise<T>} read
 * @param {AbortSignal} signal
 * @param {Record<string, string>} headers
 * @returns {Promise<T>}
 */
export async function fetchMedia(url, read, signal, headers = { accept: "application/problem+json, */*;q=0.5" }) {
  try {
    const answer = await fetch(url, {
      headers,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithin)]),
    });
    if (!answer.ok) throw await refusal(answer);
    return await read(answer);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PlaybackError) throw error;
    throw new PlaybackError("fetching media: no answer", { code: "network", retryable: true });
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  const problem = await answer.json().catch(() => null);
  const status = answer.status;
  return new PlaybackError(`fetching media: status ${status}`, {
    code: typeof problem?.code === "string" ? problem.code : `http_${status}`,
    status,
    retryAfter: Number(answer.headers.get("retry-after")) || 0,
    retryable: status === 429 || status >= 500,
  });
}

/** How often to try one step before giving up: for about a minute. */
export const attempts = 8;

/** Seconds to let pass after the nth failure. @param {{retryAfter: number}} error @param {number} n from 1 */
export function pauseAfter(error, n) {
  return Math.max(error.retryAfter, Math.min(15, 2 ** (n - 1)));
}

/** Returns early when the network comes back, or when told to stop. @param {number} seconds @param {AbortSignal} signal */
export async function sleep(seconds, signal) {
  if (signal.aborted) return;
  const over = new AbortController();
  await new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    globalThis.addEventListener("online", resolve, { signal: over.signal });
    signal.addEventListener("abort", resolve, { signal: over.signal });
  });
  over.abort();
}
