// @ts-check
/**
 * The demo's ring as text: a table, the next moves, and what they mean for the
 * token that plays.
 *
 * @typedef {object} KeyRow
 * @property {number} generation
 * @property {string} state
 * @property {string} [key_id]
 * @property {string} does
 * @property {number} [stays] seconds for which it must not be deleted
 *
 * @typedef {object} Move
 * @property {number} number in the picture
 * @property {string} words
 * @property {string} why
 * @property {number | null} in seconds; null: waiting does not make it possible
 *
 * @typedef {object} Ring
 * @property {KeyRow[]} items newest first
 * @property {Move[]} moves
 * @property {boolean} fresh as the store has it now
 * @property {number} stopped seconds for which the store is still stopped
 */

const maxRows = 6;
const maxGone = 2; // tombstones are history, and history is not what the page is about
const maxMoves = 4;

/**
 * @param {KeyRow[]} rows newest first
 * @returns {KeyRow[]} the ones worth showing
 */
export function worthShowing(rows) {
  let gone = 0;
  return rows.filter((row) => row.state !== "deleted" || ++gone <= maxGone).slice(0, maxRows);
}

/** @param {KeyRow} row */
export function meaningOf({ does, stays }) {
  return stays ? `${does}; has to stay for ${stays} s` : does;
}

/** @param {Move} move */
export function moveText({ words, why, in: seconds }) {
  const when = seconds === null ? "blocked" : seconds > 0 ? `in ${seconds} s` : "now";
  return `${words}, ${when}: ${why}`;
}

/**
 * Says why the token that plays goes on to be accepted, in one sentence or two.
 * @param {Ring} ring
 * @param {{keyId: string, left: number} | undefined} token `left`: seconds
 */
export function story({ items, stopped, fresh }, token) {
  if (stopped > 0) return stoppedStory(stopped, token);
  const active = items.find(({ state }) => state === "active");
  if (!fresh) return "The store cannot be read now. The picture shows what it last said.";
  if (!active) return "No key signs now. The next one does as soon as the platform knows it everywhere.";
  const own = items.find(({ key_id }) => key_id && key_id === token?.keyId);
  const left = Math.ceil(token?.left ?? 0);
  if (!own || left <= 0) return `Generation ${active.generation} signs every new token.`;
  if (own === active) {
    return `Generation ${active.generation} signs, and signed the token that plays, which lives for ${left} s more. The platform has known this key since before it first signed.`;
  }
  if (own.state === "retiring" && own.stays) {
    return `Generation ${active.generation} has taken over. The token that plays is of generation ${own.generation} and lives for ${left} s more; that key has to stay at the platform for ${own.stays} s. So no viewer is locked out.`;
  }
  return `Generation ${active.generation} signs. The token that plays is of generation ${own.generation}, which is ${own.state}.`;
}

/** @param {number} stopped @param {{left: number} | undefined} token */
function stoppedStory(stopped, token) {
  const left = Math.ceil(token?.left ?? 0);
  const plays = left > 0 ? `The token that plays needs no store: it lives for ${left} s more` : "What was opened goes on playing";
  return `The store is stopped for ${stopped} s more, and no key can move. ${plays}.`;
}

/** Fetches the ring. @param {string} url @returns {Promise<Ring | undefined>} undefined if that does not work now */
export async function fetchRing(url) {
  try {
    const answer = await fetch(url, { cache: "no-store" });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined; // the next round will tell; the player has its own messages
  }
}

/** @param {HTMLElement} body @param {KeyRow[]} rows @param {string} currentKeyId */
export function showKeys(body, rows, currentKeyId) {
  body.replaceChildren(...worthShowing(rows).map((row) => element(row, currentKeyId)));
}

/** @param {HTMLElement} list @param {Move[]} moves */
export function showMoves(list, moves) {
  const items = moves.slice(0, maxMoves).map((move) => {
    const item = document.createElement("li");
    item.textContent = moveText(move);
    return item;
  });
  if (items.length === 0) {
    const item = document.createElement("li");
    item.className = "quiet";
    item.textContent = "Nothing is planned.";
    items.push(item);
  }
  list.replaceChildren(...items);
}

/** @param {KeyRow} row @param {string} currentKeyId */
function element(row, currentKeyId) {
  const tr = document.createElement("tr");
  tr.classList.toggle("current", row.key_id !== undefined && row.key_id === currentKeyId);
  tr.classList.toggle("gone", row.state === "deleted");
  const state = document.createElement("span");
  state.className = `state ${row.state}`;
  state.textContent = row.state;
  const id = document.createElement("span");
  id.className = "mono quiet";
  id.textContent = row.key_id ?? "";
  for (const content of [[String(row.generation)], [state], [meaningOf(row), " ", id]]) {
    const td = document.createElement("td");
    td.append(...content);
    tr.append(td);
  }
  tr.children[2].className = "meaning";
  return tr;
}
