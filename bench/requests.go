package main

import (
	"bytes"
	"fmt"

	"playtoken/gate/sample"
)

// The requests to the servers. Each is formatted as bytes here: the less a
// request costs, the more of the machine is left to the server.

// post appends a request with a JSON body.
func post(dst []byte, path, key string, body []byte) []byte {
	dst = fmt.Appendf(dst, "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, key, len(body))
	return append(dst, body...)
}

// mintDistinct requests a different token each time.
func mintDistinct(key string) *load {
	return &load{connections: connections, status: 201, counts: 1, request: func(dst []byte, n uint64) []byte {
		return post(dst, "/v1/playback-tokens", key, mintBody(nil, n))
	}}
}

// mintEqual requests the same token each time, as the viewers of a live stream
// do when it starts.
func mintEqual(key string) *load {
	return &load{connections: connections, status: 201, counts: 1, request: func(dst []byte, _ uint64) []byte {
		return post(dst, "/v1/playback-tokens", key, mintBody(nil, 0))
	}}
}

// mintBatches requests distinct tokens, a hundred in each request.
func mintBatches(key string) *load {
	const size = 100
	return &load{connections: batchConnections, status: 200, counts: size, request: func(dst []byte, n uint64) []byte {
		body := []byte(`{"requests":[`)
		for i := range uint64(size) {
			body = append(mintBody(body, n<<8|i|1<<48), ',')
		}
		body = append(bytes.TrimSuffix(body, []byte(",")), "]}"...)
		return post(dst, "/v1/playback-tokens/batch", key, body)
	}}
}

// mintMedia requests a different token for JW Player each time, with each API
// key in turn.
func mintMedia(keys []string) *load {
	return &load{connections: connections, status: 201, counts: 1, request: func(dst []byte, n uint64) []byte {
		return post(dst, "/v1/playback-tokens", keys[n%uint64(len(keys))], fmt.Appendf(nil, `{"video_id":%q}`, mediaID(n)))
	}}
}

func mintBody(dst []byte, n uint64) []byte {
	return fmt.Appendf(dst, `{"video_id":%q,"expires_in":%d}`, videoID(n), int(lifetime(n).Seconds()))
}

// openManifest requests the sample's manifest with each token in turn.
func openManifest(tokens []string) *load {
	return &load{connections: connections, status: 200, counts: 1, request: func(dst []byte, n uint64) []byte {
		return fmt.Appendf(dst, "GET /%s/hls.m3u8?jwt=%s HTTP/1.1\r\nHost: bench\r\n\r\n", sample.VideoID, tokens[n%uint64(len(tokens))])
	}}
}
