// Keeps a page as the service has it: the service sends the page's content whenever
// it has changed, and the parts marked with data-part are exchanged. Forms and what
// the person has opened stay as they are.

/** @param {string} html */
function exchange(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.getElementById(part.id);
    if (next && next.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.replaceChildren(...next.childNodes);
  }
}

/** @param {string} address */
function follow(address) {
  const events = new EventSource(address);
  events.addEventListener("page", (event) => exchange(event.data));
  events.addEventListener("over", () => {
    events.close();
    location.reload();
  });
  return events;
}

const address = document.body.dataset.live;
if (address && document.querySelector("[data-part]")) {
  let events = follow(address);
  document.addEventListener("visibilitychange", () => {
    events.close();
    if (!document.hidden) events = follow(address);
  });
}
