// The gate's page around the player. The manifest's URL carries the session
// ticket and is the only one there is: when the session is over, so is playing.
import { Player } from "./player.js";
import { messageFor } from "./messages.js";

const video = document.getElementById("video");
const message = document.getElementById("message");
const source = new URL(video.dataset.source, location.href).href;

function say(text) {
  message.textContent = text;
  message.hidden = text === "";
}

const player = new Player(video, async () => source);
player.addEventListener("retry", ({ detail }) => {
  // While there is something to watch, the viewer need not know.
  if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) say(messageFor(detail.error.code));
});
player.addEventListener("recover", () => say(""));
player.addEventListener("error", ({ detail }) => say(messageFor(detail.error.code)));
player.start();
