// Calls the API at BASE_URI through api.video's own client, and prints what it
// understood as one line of JSON.
const { createRequire } = require('node:module');
const load = createRequire(process.env.MODULES + '/');
const Client = load('@api.video/nodejs-client');

const client = (apiKey) => new Client({ apiKey, baseUri: process.env.BASE_URI });

async function failure(call) {
  try {
    await call();
    return null;
  } catch (e) {
    return { name: e.constructor.name, message: e.message, code: e.code, status: e.response?.status, problem: e.problemDetails ?? e.response?.data };
  }
}

async function main() {
  const good = client(process.env.API_KEY);
  const bad = client('another-key');
  const shown = await good.videos.getWithResponseHeaders(process.env.VIDEO);
  const again = await good.videos.get(process.env.VIDEO);
  const all = await good.videos.list();
  return {
    token: await good.getAccessToken(),
    video: shown.body,
    headers: shown.headers,
    again: again.assets.hls,
    listed: all.data.map((v) => v.videoId),
    notFound: await failure(() => good.videos.get('viNobodyHasThis')),
    badKey: await failure(() => bad.videos.get(process.env.VIDEO)),
    badLogin: await failure(() => bad.getAccessToken()),
  };
}

main().then((result) => console.log(JSON.stringify(result)));
