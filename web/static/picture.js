// @ts-check
/**
 * The picture of the key lives, drawn by the server and brought up to date in
 * place, so that nothing flickers and a reader of it is not interrupted.
 */

/** @typedef {{keyId: string, age: number, life: number}} TokenLife seconds; the newest first */

/**
 * The address of the picture with some tokens in it.
 * @param {TokenLife[]} tokens
 */
export function pictureURL(tokens) {
  const query = tokens.map(({ keyId, age, life }) => `token=${encodeURIComponent(keyId)}:${Math.round(age * 1000)}:${Math.round(life * 1000)}`);
  return `timeline.svg?${query.join("&")}`;
}

/**
 * Fetches an SVG document. XMLHttpRequest parses it as XML, in which no script
 * runs, so the page's policy need not trust a text.
 * @param {string} url
 * @returns {Promise<Element | undefined>} undefined: it cannot be had now
 */
function fetchSVG(url) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.timeout = 5000;
    request.onloadend = () => resolve((request.status === 200 && request.responseXML?.documentElement) || undefined);
    request.send();
  });
}

/** Draws the picture anew. @param {HTMLElement} frame @param {TokenLife[]} tokens */
export async function showPicture(frame, tokens) {
  const drawn = await fetchSVG(pictureURL(tokens));
  if (!drawn) return;
  const shown = frame.firstElementChild;
  if (shown) update(shown, drawn);
  else frame.append(document.importNode(drawn, true));
}

/**
 * What makes an element the same in the next picture.
 * @param {Element} element @param {number} index
 */
export function partOf(element, index) {
  return element.getAttribute("data-part") ?? `${element.tagName}.${element.getAttribute("class")}.${index}`;
}

/** Makes an element equal to another, keeping what it can. @param {Element} shown @param {Element} drawn */
function update(shown, drawn) {
  for (const { name, value } of [...drawn.attributes]) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  if (drawn.childElementCount === 0) {
    if (shown.textContent !== drawn.textContent) shown.textContent = drawn.textContent;
    return;
  }
  const parts = new Map([...shown.children].map((child, i) => [partOf(child, i), child]));
  const children = [...drawn.children].map((child, i) => {
    const same = parts.get(partOf(child, i));
    if (!same) return document.importNode(child, true);
    parts.delete(partOf(child, i));
    update(same, child);
    return same;
  });
  for (const [i, child] of children.entries()) {
    if (shown.children[i] !== child) shown.insertBefore(child, shown.children[i] ?? null);
  }
  while (shown.childElementCount > children.length) shown.lastElementChild?.remove();
}
