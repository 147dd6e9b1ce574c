// @ts-check

/**
 * A problem document of the service.
 * @typedef {object} Problem
 * @property {string} code
 * @property {string} detail
 * @property {number} status
 * @property {string} [title]
 * @property {string} [request_id]
 * @property {number} [retry_after] seconds
 * @property {{field: string, detail: string}[]} [errors] the members of the request that are wrong
 */

/** Why a call failed: by the `code` of the service's answer, or `network` where there was none. */
export class ApiError extends Error {
  /** @param {string} message @param {Partial<Problem>} problem @param {unknown} [cause] */
  constructor(message, { status = 0, code = "network", detail = "", request_id = "", retry_after = 0, errors = [] }, cause) {
    super(message, { cause });
    this.name = "ApiError";
    /** Of the HTTP response; 0 if there was none. */
    this.status = status;
    this.code = code;
    this.detail = detail;
    /** Stands in the service's log, too. */
    this.requestId = request_id;
    /** Seconds; 0 if the answer did not say. */
    this.retryAfter = retry_after;
    this.errors = errors;
  }
}

/** @param {string} path @param {Response} answer */
export async function refusal(path, answer) {
  const { status, headers } = answer;
  /** @type {any} */
  const problem = await answer.json().catch(() => null);
  const code = typeof problem?.code === "string" ? problem.code : `http_${status}`;
  return new ApiError(`playtoken: POST ${path}: ${status} ${code}${problem?.detail ? `: ${problem.detail}` : ""}`, {
    ...problem,
    status,
    code,
    request_id: problem?.request_id ?? headers.get("x-request-id") ?? "",
    retry_after: Number(headers.get("retry-after")) || problem?.retry_after || 0,
  });
}

/** @param {string} path @param {any} cause */
export function lost(path, cause) {
  const why = cause?.cause?.message ?? cause?.message ?? String(cause);
  return new ApiError(`playtoken: POST ${path}: ${why}`, { detail: why }, cause);
}
