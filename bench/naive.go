package main

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// naive serves what a site would write for itself in Go in an afternoon, with the
// packages that playtoken signs with: it reads a key in PEM, and signs one token
// for each request. It checks nothing: neither the caller, nor a policy, nor the
// signature.
func naive(ctx context.Context, j job) error {
	der, err := os.ReadFile(j.KeyFile)
	if err != nil {
		return err
	}
	private, err := jwt.ParseRSAPrivateKeyFromPEM(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}))
	if err != nil {
		return err
	}
	return serveUntil(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			VideoID   string `json:"video_id"`
			ExpiresIn int64  `json:"expires_in"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		now := time.Now().UTC().Truncate(time.Second)
		response, err := naiveToken(private, j.URL, request.VideoID, now, time.Duration(request.ExpiresIn)*time.Second)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(response)
	}))
}

// naiveToken is the response to one request.
func naiveToken(private *rsa.PrivateKey, site, video string, now time.Time, ttl time.Duration) (map[string]any, error) {
	const kid = "5f2c0e8e-5d3c-4b7e-9a5e-000000000001"
	made := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": video, "exp": now.Add(ttl).Unix()})
	made.Header["kid"] = kid
	token, err := made.SignedString(private)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"token": token, "video_id": video, "key_id": kid, "issued_at": now, "expires_at": now.Add(ttl),
		"expires_in": int64(ttl.Seconds()), "refresh_at": now.Add(ttl * 3 / 4),
		"urls": map[string]string{
			"landing": site + "/" + video + "?jwt=" + token,
			"embed":   site + "/embed/" + video + "?jwt=" + token,
			"hls":     site + "/" + video + "/hls.m3u8?jwt=" + token,
		},
	}, nil
}

// startNaive starts that server.
func (b *bench) startNaive(ctx context.Context) (*server, error) {
	cmd, err := b.standard.worker(ctx, "naive", job{KeyFile: b.keyFile(), URL: b.world.site()})
	if err != nil {
		return nil, err
	}
	return b.start(cmd)
}
