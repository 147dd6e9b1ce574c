// @ts-check
/**
 * The player of the page Try it: the element of the package playtoken, with the
 * console as its back end.
 */

/** @param {HTMLElement} place */
async function play(place) {
  const { endpoint = "", video = "", sdk = "" } = place.dataset;
  const { PlaytokenVideo } = await import(new URL(`${sdk}element.js`, location.href).href);
  if (!customElements.get("playtoken-video")) customElements.define("playtoken-video", PlaytokenVideo);
  const element = document.createElement("playtoken-video");
  Object.assign(element, { hlsSettings: { enableWorker: false } }); // the page's policy has no workers
  for (const [name, value] of Object.entries({ endpoint, "video-id": video, controls: "", "aria-label": "The video" })) {
    element.setAttribute(name, value);
  }
  const told = document.createElement("p");
  told.setAttribute("role", "status");
  told.className = "help";
  let tokens = 0;
  element.addEventListener("tokenrefresh", () => (told.textContent = `${++tokens === 1 ? "1 token" : `${tokens} tokens`} so far.`));
  element.addEventListener("tokenerror", (event) => (told.textContent = `No new token: ${/** @type {CustomEvent} */ (event).detail.error.code || /** @type {CustomEvent} */ (event).detail.error.reason}`));
  place.replaceChildren(element, told);
}

for (const place of document.querySelectorAll(".player")) await play(/** @type {HTMLElement} */ (place));
