// @ts-check
/**
 * The demo's table of signing keys.
 *
 * @typedef {object} KeyRow
 * @property {number} generation
 * @property {string} state
 * @property {string} [key_id]
 * @property {string} [created_at]
 * @property {string} [delete_not_before]
 */

const maxRows = 6;
const maxGone = 2; // tombstones are history, and history is not what the page is about

/** @type {Record<string, string>} */
const meanings = {
  planned: "about to be made",
  generated: "made; the platform does not know it yet",
  registering: "being registered with the platform",
  registered: "standing by, known to the platform",
  active: "signs every new token",
  deleting: "being removed from the platform",
  deleted: "gone",
  abandoning: "never used, being removed",
  revoking: "compromised, being removed",
  quarantined: "set aside: store and platform disagree",
};

/**
 * @param {KeyRow[]} rows newest first
 * @returns {KeyRow[]} the ones worth showing
 */
export function worthShowing(rows) {
  let gone = 0;
  return rows.filter((row) => row.state !== "deleted" || ++gone <= maxGone).slice(0, maxRows);
}

/**
 * @param {KeyRow} row
 * @param {number} now milliseconds since 1970, by the server's clock
 */
export function meaningOf(row, now) {
  if (row.state !== "retiring") return meanings[row.state] ?? "";
  const left = secondsBetween(now, row.delete_not_before);
  return left > 0 ? `still opens what it signed; goes in ${left} s at the earliest` : "still opens what it signed; may go now";
}

/** @param {number} seconds */
export function ageText(seconds) {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** Fetches the rows and shows them; keeps the old ones if that does not work. @param {HTMLElement} body @param {string} url @param {string} currentKeyId */
export async function showKeys(body, url, currentKeyId) {
  try {
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) return;
    const now = Date.parse(answer.headers.get("date") ?? "") || Date.now();
    const { items } = await answer.json();
    body.replaceChildren(...worthShowing(items).map((row) => element(row, now, currentKeyId)));
  } catch {
    // The next round will tell; the player has its own messages.
  }
}

/** @param {KeyRow} row @param {number} now @param {string} currentKeyId */
function element(row, now, currentKeyId) {
  const tr = document.createElement("tr");
  tr.classList.toggle("current", row.key_id !== undefined && row.key_id === currentKeyId);
  tr.classList.toggle("gone", row.state === "deleted");
  const state = document.createElement("span");
  state.className = `state ${row.state}`;
  state.textContent = row.state;
  const age = row.created_at ? ageText(Math.max(0, -secondsBetween(now, row.created_at))) : "–";
  for (const content of [String(row.generation), state, meaningOf(row, now), row.key_id ?? "–", age]) {
    const td = document.createElement("td");
    td.append(content);
    tr.append(td);
  }
  tr.children[2].className = "meaning";
  tr.children[3].className = "mono";
  return tr;
}

/** Whole seconds from now until a time. @param {number} now @param {string | undefined} until */
function secondsBetween(now, until) {
  return until ? Math.round((Date.parse(until) - now) / 1000) : 0;
}
