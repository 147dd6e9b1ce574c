<?php
// A page's back end in PHP: run it with
//
//     PLAYTOKEN_URL=https://tokens.example.com PLAYTOKEN_API_KEY=pt_… php -S 127.0.0.1:3000 index.php
//
// The page asks POST /token {"video_id": "…"}. The API key stays here.

// Put your own login in place of this: who asks, and what they may watch.
const VIEWERS = ['session-of-ann' => ['name' => 'ann', 'videos' => ['counter']]];

function reply(int $status, array $body): never
{
    http_response_code($status);
    header('Cache-Control: no-store');
    header('Content-Type: ' . ($status === 200 ? 'application/json' : 'application/problem+json'));
    exit(json_encode($body));
}

function mint(string $video): array
{
    $answer = @file_get_contents(getenv('PLAYTOKEN_URL') . '/v1/playback-tokens', false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Authorization: Bearer ' . getenv('PLAYTOKEN_API_KEY'), 'Content-Type: application/json'],
        'content' => json_encode(['video_id' => $video]),
        'timeout' => 10,
        'follow_location' => 0, // the API key goes to the service alone
        'ignore_errors' => true,
    ]]));
    $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
    if ($status !== 201) {
        error_log("mint: $status $answer"); // for you, not for the viewer
        header('Retry-After: 5');
        reply(503, ['code' => 'unavailable']);
    }
    return json_decode($answer, true);
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST' || $_SERVER['REQUEST_URI'] !== '/token') {
    reply(404, ['code' => 'not_found']);
}
$viewer = VIEWERS[$_COOKIE['session'] ?? ''] ?? null;
if ($viewer === null) {
    reply(401, ['code' => 'unauthenticated']);
}
$video = json_decode(file_get_contents('php://input', length: 4096), true)['video_id'] ?? null;
if (!is_string($video) || !in_array($video, $viewer['videos'], true)) {
    reply(403, ['code' => 'not_entitled']);
}
reply(200, mint($video));
