// @ts-check

/**
 * Why there is no token. `unauthenticated` and `forbidden`: the page's back end
 * does not know the viewer, or does not let them watch. `rejected`: it refuses
 * the request for another reason that will last. `refused`: the platform
 * refused a token, and the one that replaced it, too. `rate_limited`,
 * `unavailable`, `network`, `bad_answer`: may pass. `closed`: the page closed
 * the source.
 * @typedef {"unauthenticated" | "forbidden" | "rejected" | "refused" | "rate_limited" | "unavailable" | "network" | "bad_answer" | "closed"} Reason
 */

const passing = ["rate_limited", "unavailable", "network", "bad_answer"];

/** Why there is no token: by `reason`, and by the `code` of the service's problem document. */
export class TokenError extends Error {
  /**
   * @param {string} message
   * @param {{reason: Reason, status?: number, code?: string, retryAfter?: number, cause?: unknown}} of
   */
  constructor(message, { reason, status = 0, code = reason, retryAfter = 0, cause }) {
    super(message, { cause });
    this.name = "TokenError";
    this.reason = reason;
    /** Status of the HTTP response; 0 if there was none. */
    this.status = status;
    /** The response's `code`, such as `not_entitled`; the reason if it has none. */
    this.code = code;
    /** Seconds; 0 if the response did not say. */
    this.retryAfter = retryAfter;
    /** Whether the same request may succeed later. */
    this.retryable = passing.includes(reason);
  }
}

/** @param {number} status of an HTTP response that is no success @returns {Reason} */
export function reasonOf(status) {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "forbidden";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "unavailable" : "rejected";
}
