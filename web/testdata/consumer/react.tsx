// What a strict page writes with the element and with React. Every line below
// a @ts-expect-error is a mistake that the types have to find.
import { useEffect, useRef } from "react";
import { createTokenSource, type Refreshed, type TokenSource } from "playtoken";
import { PlaytokenVideo as Element } from "playtoken/element";
import { PlaytokenVideo, useTokenSource } from "playtoken/react";

const element = new Element();
element.options = { headers: () => ({ "x-csrf": "1" }), credentials: "include" };
element.source?.addEventListener("refresh", ({ detail }) => detail.token.videoId);
element.currentTime = 3;
const moved: Promise<void> = element.play();
const seconds: number = element.duration;
// @ts-expect-error: a misspelt option
element.options = { credential: "include" };
// @ts-expect-error: its source is its own
const other: string = element.source;
// @ts-expect-error: seconds are a number
element.currentTime = "3";
document.querySelector<Element>("playtoken-video")?.load();
element.addEventListener("tokenend", ({ detail }) => detail.error.reason);
element.addEventListener("timeupdate", (event) => event.timeStamp);
// @ts-expect-error: an end has no token
element.addEventListener("tokenend", ({ detail }) => detail.token);

export function Film({ id }: { id: string }) {
  const video = useRef<Element>(null);
  const source: TokenSource | undefined = useTokenSource({ endpoint: "/token", videoId: id });
  useEffect(() => source?.keepFresh(), [source]);
  const tell = ({ detail }: CustomEvent<Refreshed>) => console.log(detail.token.keyId);
  return (
    <PlaytokenVideo videoId={id} endpoint="/token" videoRef={video} onTokenRefresh={tell} onTokenEnd={({ detail }) => console.log(detail.error.reason)}
      onTimeUpdate={() => console.log(video.current?.currentTime)} controls muted className="film">
      <track kind="captions" src="/en.vtt" srcLang="en" label="English" />
    </PlaytokenVideo>
  );
}

// @ts-expect-error: without a video
export const empty = <PlaytokenVideo endpoint="/token" />;
// @ts-expect-error: a token is no number
export const wrong = <PlaytokenVideo videoId="v" onTokenRefresh={(token: number) => token} />;
// @ts-expect-error: without a video
useTokenSource({ endpoint: "/token" });
export { createTokenSource, moved, other, seconds };
