import { test } from "node:test";
import assert from "node:assert/strict";
import { Session } from "../../gate/static/session.js";

const source = "https://gate.test/films/v/hls.m3u8?ticket=old";

function setUp(answers) {
  let time = 100_000;
  const codes = [];
  const session = new Session(source, async (code) => {
    codes.push(code);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  }, () => time);
  return { session, codes, pass: (ms) => (time += ms) };
}

test("only the video's own addresses get the ticket, and the one in force", async () => {
  const { session } = setUp(["new"]);
  const addresses = {
    "https://gate.test/films/v/360/0.m4s": "https://gate.test/films/v/360/0.m4s?ticket=TICKET",
    "https://gate.test/films/v/0.m4s?ticket=old&a=1": "https://gate.test/films/v/0.m4s?ticket=TICKET&a=1",
    "https://gate.test/films/v2/0.m4s": "https://gate.test/films/v2/0.m4s",
    "https://gate.test/films/v": "https://gate.test/films/v",
    "https://gate.test:8443/films/v/0.m4s": "https://gate.test:8443/films/v/0.m4s",
    "https://cdn.test/films/v/0.m4s": "https://cdn.test/films/v/0.m4s",
    "data:text/plain,x": "data:text/plain,x",
  };
  const check = (ticket) => {
    for (const [given, want] of Object.entries(addresses)) assert.equal(session.address(given), want.replace("TICKET", ticket));
  };
  check("old");
  await session.renew(session.source, { code: "session_ended" });
  check("new");
});

test("requests that are refused together ask once", async () => {
  const { session, codes } = setUp(["new"]);
  const used = session.source;
  await Promise.all([1, 2, 3].map(() => session.renew(used, { code: "token_expired" })));
  await session.renew(used, { code: "token_expired" }); // refused late, with the old ticket
  assert.deepEqual(codes, ["token_expired"]);
});

test("what no token mends is not asked for", async () => {
  const { session, codes } = setUp(["new"]);
  for (const code of ["stream_limit", "video_not_allowed", "network", "constructor"]) {
    await assert.rejects(session.renew(session.source, { code }), { code });
  }
  assert.deepEqual(codes, []);
});

test("a ticket that is refused at once is not replaced on and on", async () => {
  const { session, codes, pass } = setUp(["1", "2"]);
  await session.renew(session.source, { code: "session_ended" });
  await assert.rejects(session.renew(session.source, { code: "session_ended" }), { code: "session_ended" });
  pass(5001);
  await session.renew(session.source, { code: "session_ended" });
  assert.equal(codes.length, 2);
});

test("after a failure it can be tried again", async () => {
  const failure = Object.assign(new Error("no token"), { code: "session_ended" });
  const { session } = setUp([failure, "new"]);
  await assert.rejects(session.renew(session.source, { code: "session_ended" }), failure);
  await session.renew(session.source, { code: "session_ended" });
  assert.match(session.source, /ticket=new$/);
});
