// An OpenID provider on loopback. It prints its address. People log in under any
// name; alice is in the group "admins", bob in "auditors".
import { createServer } from "node:http";
import Provider from "oidc-provider";

const groups = { alice: ["admins"], bob: ["auditors"] };
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "playtoken",
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: [process.env.REDIRECT_URI],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    }],
    pkce: { required: () => true },
    claims: { openid: ["sub", "groups"], email: ["email"], profile: ["name"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["a key for tests"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, name: id, groups: groups[id] ?? [] }),
    }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
