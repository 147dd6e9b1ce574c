# playtoken: one static binary that runs as nobody. It keeps nothing on disk
# unless a setting names a file; give that file a volume the user 65532 owns.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /playtoken ./cmd/playtoken

FROM gcr.io/distroless/static:nonroot
COPY --from=build /playtoken /playtoken
ENV PLAYTOKEN_LISTEN=:8080
EXPOSE 8080
ENTRYPOINT ["/playtoken"]
CMD ["serve"]
