// @ts-check
import { readAnswer } from "./answer.js";
import { TokenError, reasonOf } from "./error.js";
import { stopwatch, within } from "./surroundings.js";

/** @typedef {import("./answer.js").PlaybackToken} PlaybackToken */
/** @typedef {import("./answer.js").TokenAnswer} TokenAnswer */
/** @typedef {import("./surroundings.js").Surroundings} Surroundings */

/**
 * `again` is true where the last response was 401 or 403: renew the viewer's login first.
 * @typedef {{videoId: string, signal: AbortSignal, again: boolean}} Ask
 */

/** @typedef {{status: number, body: any, retryAfter: number}} Content */

const answerWithin = 15_000; // milliseconds

/**
 * Asks the page's back end for a token, and once more if it refuses the viewer.
 * `age` tells the seconds since the question, so that a token is never believed
 * to live longer than it does.
 * @param {Surroundings} env
 * @param {(ask: Ask) => Promise<Response | TokenAnswer>} fetchToken
 * @param {string} videoId
 * @param {AbortSignal} signal
 * @returns {Promise<{token: PlaybackToken, age: () => number}>}
 */
export async function askBackend(env, fetchToken, videoId, signal) {
  for (let again = false; ; again = true) {
    const age = stopwatch(env);
    const { status, body, retryAfter } = await attempt(env, signal, (signal) => fetchToken({ videoId, signal, again }));
    if (status >= 200 && status < 300) return { token: readAnswer(videoId, body), age };
    // The page's own login may have lapsed; the page gets one chance to renew it.
    if (again || (status !== 401 && status !== 403)) throw refusal(status, body, retryAfter);
  }
}

/**
 * @param {Surroundings} env
 * @param {AbortSignal} signal
 * @param {(signal: AbortSignal) => Promise<Response | TokenAnswer>} ask
 * @returns {Promise<Content>}
 */
async function attempt(env, signal, ask) {
  const late = new TypeError("no answer in time");
  try {
    return await within(env, answerWithin, signal, late, async (signal) => contentOf(await ask(signal)));
  } catch (/** @type {any} */ cause) {
    signal.throwIfAborted();
    if (cause instanceof TokenError) throw cause;
    // Errors of other HTTP clients have the response's status.
    if (cause?.status > 299) return { status: Number(cause.status), body: null, retryAfter: 0 };
    throw new TokenError(`asking for a playback token: ${cause?.message ?? cause}`, { reason: "network", cause });
  }
}

/** @param {Response | TokenAnswer} answer @returns {Promise<Content>} */
async function contentOf(answer) {
  if (!(answer instanceof Response)) return { status: 200, body: answer, retryAfter: 0 };
  const body = await answer.json().catch(() => null);
  return { status: answer.status, body, retryAfter: Number(answer.headers.get("retry-after")) || 0 };
}

/** @param {number} status @param {any} problem @param {number} retryAfter */
function refusal(status, problem, retryAfter) {
  const code = typeof problem?.code === "string" ? problem.code : `http_${status}`;
  const message = `asking for a playback token: ${problem?.detail ?? code}`;
  return new TokenError(message, { reason: reasonOf(status), status, code, retryAfter });
}

/**
 * Asks an endpoint of the page's back end.
 * @param {typeof fetch} fetch
 * @param {string} endpoint
 * @param {() => HeadersInit | Promise<HeadersInit>} [headers]
 * @param {RequestCredentials} [credentials]
 * @returns {(ask: Ask) => Promise<Response>}
 */
export function backend(fetch, endpoint, headers = () => ({}), credentials = "same-origin") {
  return async ({ videoId, signal }) => {
    const all = new Headers(await headers());
    all.set("content-type", "application/json");
    return fetch(endpoint, {
      method: "POST",
      headers: all,
      body: JSON.stringify({ video_id: videoId }),
      credentials,
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal,
    });
  };
}
