// Every entry of the packed package is loaded, and the two that need no browser work.
import { readFile } from "node:fs/promises";
import { createTokenSource } from "playtoken";
import { createClient } from "playtoken/server";

const { exports } = JSON.parse(await readFile(new URL(import.meta.resolve("playtoken/package.json")), "utf8"));
const answer = { token: "t", video_id: "v", expires_in: 60, urls: { hls: "https://media.test/v?jwt=t" } };
const client = createClient({ url: "https://tokens.test", apiKey: "k", fetch: async () => Response.json(answer) });
const source = createTokenSource({ videoId: "v", fetchToken: () => client.respond({ video_id: "v" }) });
const { token, delivery } = await source.get();
console.log(token, delivery.name);
source.close();
for (const entry of Object.keys(exports)) {
  const name = entry.replace(/^\./, "playtoken");
  // The last needs an attribute, and the element a browser.
  if (/package\.json$|\/element$/.test(name)) continue;
  console.log(name, Object.keys(await import(name)).length > 0);
}
