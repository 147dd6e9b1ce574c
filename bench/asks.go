package main

import (
	"bytes"
	"fmt"

	"playtoken/gate/sample"
)

// What is asked of the servers. Every request is written whole, by hand: the
// cheaper it is to ask, the more of the machine is the server's.

// post is a request with a body of JSON.
func post(dst []byte, path, key string, body []byte) []byte {
	dst = fmt.Appendf(dst, "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, key, len(body))
	return append(dst, body...)
}

// mintDistinct asks for a token that nobody has asked for.
func mintDistinct(key string) *load {
	return &load{connections: connections, status: 201, counts: 1, ask: func(dst []byte, n uint64) []byte {
		return post(dst, "/v1/playback-tokens", key, mintBody(nil, n))
	}}
}

// mintEqual asks for the same token again and again, as everybody does who
// arrives at a kick-off.
func mintEqual(key string) *load {
	return &load{connections: connections, status: 201, counts: 1, ask: func(dst []byte, _ uint64) []byte {
		return post(dst, "/v1/playback-tokens", key, mintBody(nil, 0))
	}}
}

// mintBatches asks for distinct tokens, a hundred at a time.
func mintBatches(key string) *load {
	const size = 100
	return &load{connections: batchConnections, status: 200, counts: size, ask: func(dst []byte, n uint64) []byte {
		body := []byte(`{"requests":[`)
		for i := range uint64(size) {
			body = append(mintBody(body, n<<8|i|1<<48), ',')
		}
		body = append(bytes.TrimSuffix(body, []byte(",")), "]}"...)
		return post(dst, "/v1/playback-tokens/batch", key, body)
	}}
}

// mintMedia asks for a token of JW Player's that nobody has asked for, with one
// key after the other.
func mintMedia(keys []string) *load {
	return &load{connections: connections, status: 201, counts: 1, ask: func(dst []byte, n uint64) []byte {
		return post(dst, "/v1/playback-tokens", keys[n%uint64(len(keys))], fmt.Appendf(nil, `{"video_id":%q}`, mediaID(n)))
	}}
}

func mintBody(dst []byte, n uint64) []byte {
	return fmt.Appendf(dst, `{"video_id":%q,"expires_in":%d}`, videoID(n), int(lifetime(n).Seconds()))
}

// openManifest plays tokens, one after the other.
func openManifest(tokens []string) *load {
	return &load{connections: connections, status: 200, counts: 1, ask: func(dst []byte, n uint64) []byte {
		return fmt.Appendf(dst, "GET /%s/hls.m3u8?jwt=%s HTTP/1.1\r\nHost: bench\r\n\r\n", sample.VideoID, tokens[n%uint64(len(tokens))])
	}}
}
