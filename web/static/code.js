// @ts-check
/**
 * The calls that the demo makes, as code to paste. No key is in them: a shell
 * and a program read it from the environment.
 *
 * @typedef {object} Call
 * @property {string} title
 * @property {string} path
 * @property {Record<string, string>} body
 * @property {string} key name of the environment variable that holds the credential
 *
 * @typedef {"curl" | "javascript"} Language
 */

/** @param {string} videoId @returns {Call} */
export function mintCall(videoId) {
  return {
    title: "The page's back end asked for a token, and handed it to the page.",
    path: "/v1/playback-tokens", body: { video_id: videoId }, key: "PLAYTOKEN_API_KEY",
  };
}

/** @param {string} project @returns {Call} */
export function rotateCall(project) {
  return {
    title: "An operator had the standby sign at once.",
    path: `/v1/projects/${project}/rotation`, body: { mode: "now", reason: "asked for by hand" }, key: "PLAYTOKEN_ADMIN_KEY",
  };
}

/** @param {string} project @param {number} generation @returns {Call} */
export function revokeCall(project, generation) {
  return {
    title: `An operator revoked generation ${generation}.`,
    path: `/v1/projects/${project}/signing-keys/${generation}/revoke`, body: { reason: "the key has leaked" }, key: "PLAYTOKEN_ADMIN_KEY",
  };
}

/** A word for a POSIX shell. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** @type {Record<Language, (call: Call, origin: string) => string>} */
const languages = {
  curl: ({ path, body, key }, origin) =>
    [`curl -sS ${quoted(origin + path)}`, `  -H "Authorization: Bearer $${key}"`, "  -H 'Content-Type: application/json'", `  -d ${quoted(JSON.stringify(body))}`].join(" \\\n"),
  javascript: (call, origin) => (call.key === "PLAYTOKEN_API_KEY" ? client(call, origin) : request(call, origin)),
};

/** @param {Call} call @param {string} origin */
function client({ body, key }, origin) {
  return `import { createClient } from "playtoken/server";

const playtoken = createClient({ url: ${JSON.stringify(origin)}, apiKey: process.env.${key} });
const { urls, expires_in } = await playtoken.mint(${JSON.stringify(body)});`;
}

/** @param {Call} call @param {string} origin */
function request({ path, body, key }, origin) {
  return `const answer = await fetch(${JSON.stringify(origin + path)}, {
  method: "POST",
  headers: { Authorization: \`Bearer \${process.env.${key}}\`, "Content-Type": "application/json" },
  body: JSON.stringify(${JSON.stringify(body)}),
});
console.log(answer.status, await answer.json());`;
}

/** @param {Call} call @param {Language} language @param {string} origin of the service */
export function codeOf(call, language, origin) {
  return languages[language](call, origin);
}
