import { test } from "node:test";
import assert from "node:assert/strict";
import { Host } from "../../gate/static/host.js";

/** The window of a frame, and what the page around it was sent. */
function frame({ ancestor, referrer = "", top = false } = {}) {
  const sent = [];
  const parent = { postMessage: (message, origin) => sent.push({ ...message, origin }) };
  const window = Object.assign(new EventTarget(), { document: { referrer }, location: ancestor === undefined ? {} : { ancestorOrigins: [ancestor] } });
  window.parent = top ? window : parent;
  const hear = (data, { origin = "https://host.test", source = parent } = {}) =>
    window.dispatchEvent(Object.assign(new Event("message"), { data, origin, source }));
  return { window, sent, hear };
}

const hello = { protocol: "playtoken", version: 1, type: "hello" };
const token = (text) => ({ protocol: "playtoken", version: 1, type: "token", token: text });

for (const [name, how, allowed, origin] of [
  ["the ancestor's origin", { ancestor: "https://host.test", referrer: "https://other.test/" }, "*", "https://host.test"],
  ["the referrer's origin", { referrer: "https://host.test/page?x" }, "*", "https://host.test"],
  ["an origin of the list", { ancestor: "https://host.test" }, "https://a.test https://host.test", "https://host.test"],
  ["no other origin", { ancestor: "https://evil.test" }, "https://host.test", undefined],
  ["no opaque origin", { ancestor: "null" }, "*", undefined],
  ["no page on its own", { ancestor: "https://host.test", top: true }, "*", undefined],
  ["no page where no origin is allowed", { ancestor: "https://host.test" }, "", undefined],
]) {
  test(`messages go to ${name}`, () => {
    const { window, sent } = frame(how);
    new Host(window, allowed).tell("ready", { duration: 1 });
    assert.deepEqual(sent, origin ? [{ protocol: "playtoken", version: 1, type: "ready", duration: 1, origin }] : []);
  });
}

test("a page that hides where it is says hello, and gets what was held back", () => {
  const { window, sent, hear } = frame();
  const host = new Host(window, "https://host.test");
  host.tell("ready");
  host.tell("time", { time: 1 });
  hear(hello, { origin: "https://evil.test" });
  hear(hello, { source: {} });
  assert.equal(sent.length, 0);
  hear(hello);
  hear(hello);
  assert.deepEqual(sent.map((m) => [m.type, m.origin]), [["ready", "https://host.test"]]);
});

test("only the parent's window and origin, and only the exact form, hand over a token", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { window, sent, hear } = frame({ ancestor: "https://host.test" });
  const host = new Host(window, "*");
  let got;
  const asked = host.token("session_ended").then((text) => (got = text));
  assert.deepEqual(sent.map((m) => [m.type, m.code, m.origin]), [["needs-token", "session_ended", "https://host.test"]]);
  hear(token("forged"), { origin: "https://evil.test" });
  hear(token("forged"), { source: window });
  const good = token("x");
  for (const bad of [
    null, "token", 1, [], { ...good, version: 2 }, { ...good, version: "1" }, { ...good, protocol: "x" }, { ...good, type: "TOKEN" }, { ...good, token: "" },
    { ...good, token: 1 }, { ...good, token: "x".repeat(8193) }, { ...good, more: 1 }, hello,
  ]) hear(bad);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(got, undefined);
  hear(good);
  assert.equal(await asked, "x");
  hear(token("late")); // not asked for
});

test("a token that comes too late is not taken", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { window } = frame({ ancestor: "https://host.test" });
  const asked = new Host(window, "*").token("session_ended");
  t.mock.timers.tick(30_000);
  assert.equal(await asked, undefined);
});
