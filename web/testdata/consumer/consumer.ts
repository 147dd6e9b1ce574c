// What a page and a back end in strict TypeScript write. Every @ts-expect-error
// is a mistake that the types have to find.
import Hls from "hls.js";
import { TokenError, createTokenSource, type Delivery, type PlaybackToken, type Reason, type TokenSource } from "playtoken";
import { attach as attachDash } from "playtoken/dashjs";
import { attach as attachHls } from "playtoken/hlsjs";
import { attach as attachFrame } from "playtoken/iframe";
import { attach as attachNative } from "playtoken/native";
import { ApiError, createClient, type BatchItem, type TokenRequest } from "playtoken/server";
import { attach as attachShaka } from "playtoken/shaka";
import { attach as attachVideojs } from "playtoken/videojs";

const source: TokenSource = createTokenSource({ endpoint: "/token", videoId: "my-video", prefetch: true });
createTokenSource({ videoId: "v", fetchToken: ({ videoId, signal, again }) => fetch(`/t/${videoId}?again=${again}`, { signal }) });
// @ts-expect-error: without a video
createTokenSource({ endpoint: "/token" });
// @ts-expect-error: a misspelt option
createTokenSource({ endpoint: "/token", videoId: "v", prefech: true });
// @ts-expect-error: a function that answers with something else
createTokenSource({ videoId: "v", fetchToken: async () => "token" });

source.onrefresh = ({ detail: { token, previous } }) => console.log(token.keyId !== previous?.keyId);
source.addEventListener("refresh", ({ detail }) => detail.token.life.toFixed());
source.addEventListener("end", ({ detail }) => report(detail.error.reason));
// @ts-expect-error: a refresh has no error
source.addEventListener("refresh", ({ detail }) => detail.error);

function report(reason: Reason): string {
  switch (reason) {
    case "unauthenticated": case "forbidden": return "not yours to watch";
    case "rejected": case "refused": case "closed": return "over";
    case "rate_limited": case "unavailable": case "network": case "bad_answer": return "try again";
  }
}

async function watch(video: HTMLVideoElement, frame: HTMLIFrameElement): Promise<void> {
  const stops = [source.watch(video), attachHls(new Hls(), source), attachNative(video, source), attachFrame(frame, source)];
  try {
    const token: PlaybackToken = await source.get({ patience: 30, signal: AbortSignal.timeout(1000) });
    const { place, renew }: Delivery = token.delivery;
    const address: string | undefined = token.urls.hls ?? token.urls.dash;
    // @ts-expect-error: a token may not be changed
    token.life = 1;
    console.log(place, renew, address, source.current?.videoId, source.use()?.token);
    source.accepted(token);
    await source.refused(token);
  } catch (error) {
    if (error instanceof TokenError && error.retryable) console.log(error.reason, error.retryAfter);
  }
  stops.forEach((stop) => stop());
  source.close();
}

async function mint(): Promise<BatchItem[]> {
  const playtoken = createClient({ url: "https://tokens.example.com", apiKey: "pt_…" });
  const request: TokenRequest = { video_id: "v", expires_in: 600, viewer: { id: "alice" }, claims: { plan: "gold" } };
  const { token, expires_in, urls } = await playtoken.mint(request);
  const { valid, reasons } = await playtoken.inspect({ token });
  const tokens = await playtoken.exchange();
  await playtoken.refresh(tokens.refresh_token);
  const response: Response = await playtoken.respond({ video_id: "v" });
  console.log(expires_in + 1, urls?.hls, valid, reasons[0]?.length, response.status);
  // @ts-expect-error: a misspelt member, which the service would refuse
  await playtoken.mint({ videoId: "v" });
  const items = await playtoken.batch([request]);
  for (const item of items) console.log("error" in item ? item.error.code : item.token);
  return items;
}

const failed = (error: unknown) => error instanceof ApiError && error.code === "no_active_key";
export { attachDash, attachShaka, attachVideojs, failed, mint, watch };
