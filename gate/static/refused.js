// @ts-check
/**
 * The page of a refusal in another page's frame: asks that page for a fresh
 * token and begins again with it, once.
 */
import { Host } from "./host.js";

const refusal = /** @type {HTMLElement} */ (document.getElementById("refusal"));
const code = refusal.dataset.code ?? "";
const message = refusal.querySelector("h1")?.textContent ?? "";
const host = new Host(window, refusal.dataset.origins ?? "");
const address = new URL(location.href);

const again = address.searchParams.has("renewed");
const token = again || code === "stream_limit" ? undefined : await host.token(code);
if (token) {
  address.searchParams.set("jwt", token);
  address.searchParams.delete("ticket");
  address.searchParams.set("renewed", "1");
  location.replace(address);
} else {
  host.tell("error", { code, message });
}
