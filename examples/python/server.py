"""A page's back end: PLAYTOKEN_URL=https://tokens.example.com PLAYTOKEN_API_KEY=pt_… python3 server.py

The page asks POST /token {"video_id": "…"}. The API key stays here.
"""
import http.cookies
import http.server
import json
import os
import sys
import urllib.request

URL, KEY = os.environ["PLAYTOKEN_URL"], os.environ["PLAYTOKEN_API_KEY"]
# Put your own login in place of this: who asks, and what they may watch.
VIEWERS = {"session-of-ann": {"name": "ann", "videos": ["counter"]}}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):  # the API key goes to the service alone
        return None


def mint(video_id):
    request = urllib.request.Request(
        URL + "/v1/playback-tokens", json.dumps({"video_id": video_id}).encode(),
        {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    with urllib.request.build_opener(NoRedirect).open(request, timeout=10) as answer:
        return json.load(answer)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        session = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get("session")
        viewer = VIEWERS.get(session.value) if session else None
        if self.path != "/token" or viewer is None:
            return self.reply(*((401, "unauthenticated") if self.path == "/token" else (404, "not_found")))
        try:
            length = min(int(self.headers.get("Content-Length", 0)), 4096)
            video_id = json.loads(self.rfile.read(length))["video_id"]
        except (ValueError, KeyError, TypeError):
            video_id = None
        if video_id not in viewer["videos"]:
            return self.reply(403, "not_entitled")
        try:
            self.reply(200, token=mint(video_id))
        except (OSError, ValueError) as error:  # refusals are OSErrors, too
            print("mint:", error, file=sys.stderr)  # for you, not for the viewer
            self.reply(503, "unavailable")

    def reply(self, status, code="", token=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if token else "application/problem+json")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(json.dumps(token or {"code": code}).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
