// The route handler of the page about a private video, asked as Next.js would.
Object.assign(process.env, { PLAYTOKEN_URL: "https://tokens.example.com", PLAYTOKEN_API_KEY: "pt_k" });
const asked = [];
globalThis.fetch = async (url, { body, headers }) => {
  asked.push(`asked ${url} ${body} ${new Headers(headers).get("authorization")}`);
  return Response.json({ token: "t" });
};
const { POST } = await import("./route.mjs");
for (const headers of [{}, { cookie: "session=a" }]) {
  const response = await POST(new Request("https://site.test/token", { method: "POST", headers, body: '{"video_id":"my-video"}' }));
  console.log(response.status, await response.text());
}
console.log(...asked);
