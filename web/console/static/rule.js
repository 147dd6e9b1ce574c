// Checks a rule while it is typed: it sends the form as the button "Check" would,
// and shows the service's verdict. The button works without this.

const form = document.getElementById("rule-form");
const verdict = document.getElementById("verdict");
const pause = 400; // milliseconds without a key, before the service is asked
/** @type {ReturnType<typeof setTimeout> | undefined} */
let due;
/** @type {AbortController | undefined} */
let running;

/** @param {HTMLFormElement} of */
async function check(of) {
  running?.abort();
  running = new AbortController();
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(of)) body.append(name, String(value));
  body.set("do", "check");
  try {
    const response = await fetch(location.href, { method: "POST", body, signal: running.signal });
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("verdict");
    if (fresh && verdict) verdict.replaceChildren(...fresh.childNodes);
  } catch (err) {
    if (!(err instanceof DOMException && err.name === "AbortError")) console.warn("the rule was not checked", err);
  }
}

if (form instanceof HTMLFormElement) {
  form.addEventListener("input", () => {
    clearTimeout(due);
    due = setTimeout(() => check(form), pause);
  });
}
