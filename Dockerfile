# playtoken, as an unprivileged user, in an image without a shell. It writes nowhere but in
# /data, and there only what a setting names: mount a volume for the file store
# or the gate, and let nothing else be written or gained:
#
#   docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges …
#
# Two images: the default is static and signs in memory with crypto/rsa;
# --target openssl does so with OpenSSL, which is faster. Neither has a
# HEALTHCHECK, because nothing in it could ask: probe GET /healthz (the process)
# and GET /readyz (a token could be minted now) from outside.

# Bases are named by version. A registry may move such a name, and the last two have no
# name that stays: for builds that are the same tomorrow, add the digest that
# docker buildx imagetools inspect NAME prints, as in NAME@sha256:DIGEST. The archive
# of a release (docs/release.md) needs no registry and is always the same.
#
# The compiler's Debian is that of the images at the end: what is linked with
# its libraries finds them there.
FROM golang:1.26.8-trixie AS modules
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
RUN mkdir /data

# What the pages of the gate play with comes from npm, as the lock file pins it.
FROM node:22.23.3-trixie-slim AS pages
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN mkdir fetched && npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm run fetch

FROM modules AS build
COPY . .
COPY --from=pages /web/fetched web/fetched
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /playtoken ./cmd/playtoken

FROM modules AS build-openssl
RUN apt-get update && apt-get install -y --no-install-recommends libssl-dev && rm -rf /var/lib/apt/lists/*
COPY . .
COPY --from=pages /web/fetched web/fetched
RUN CGO_ENABLED=1 go build -tags=openssl -trimpath -ldflags="-s -w" -o /playtoken ./cmd/playtoken

FROM gcr.io/distroless/base-debian13:nonroot AS openssl
COPY --from=build-openssl /playtoken /playtoken
COPY --from=build-openssl --chown=65532:65532 /data /data
ARG VERSION=devel REVISION=unknown
LABEL org.opencontainers.image.title="playtoken" org.opencontainers.image.description="Signed playback tokens for private videos, with keys in Vault that rotate by themselves" org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION"
ENV PLAYTOKEN_LISTEN=:8080 PLAYTOKEN_GATE_LISTEN=:8081
EXPOSE 8080 8081
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/playtoken"]
CMD ["serve"]

FROM gcr.io/distroless/static-debian13:nonroot AS static
COPY --from=build /playtoken /playtoken
COPY --from=build --chown=65532:65532 /data /data
ARG VERSION=devel REVISION=unknown
LABEL org.opencontainers.image.title="playtoken" org.opencontainers.image.description="Signed playback tokens for private videos, with keys in Vault that rotate by themselves" org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION"
ENV PLAYTOKEN_LISTEN=:8080 PLAYTOKEN_GATE_LISTEN=:8081
EXPOSE 8080 8081
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/playtoken"]
CMD ["serve"]
