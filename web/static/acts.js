// @ts-check
/**
 * What the demo's buttons do, and how it went, in a sentence.
 *
 * @typedef {object} Answer
 * @property {number} status of the page's back end; 0: it did not answer
 * @property {any} body
 */

/** @param {string} name of a path of the page's back end @returns {Promise<Answer>} */
export async function act(name) {
  try {
    const answer = await fetch(name, { method: "POST" });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return { status: 0, body: {} };
  }
}

/** @type {Record<string, (body: any) => string>} */
const told = {
  rotate: ({ changed, reason }) => (changed ? "Rotated: the standby signs now." : `Not rotated: ${reason}`),
  revoke: ({ revoked, active_generation, tokens_lost_for_seconds, pending }) => {
    const next = active_generation ? `generation ${active_generation} signs now` : "no key signs until the next one is ready";
    const rest = pending ? ` Still under way: ${pending}` : "";
    return `Revoked generation ${revoked}: ${next}; its tokens, which would have lived for up to ${tokens_lost_for_seconds} s, are refused.${rest}`;
  },
  outage: ({ stopped }) => `The store is stopped for ${stopped} s.`,
};

/** @param {string} name @param {Answer} answer */
export function outcomeOf(name, { status, body }) {
  if (status === 0) return "The demo does not answer.";
  if (status >= 400) return `Refused with ${status}: ${body?.detail ?? body?.code ?? "no reason given"}`;
  return told[name]?.(body) ?? "Done.";
}
