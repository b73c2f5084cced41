# The companion server and nothing else; `make image` builds it, for amd64 and arm64. It needs no file system and no privilege. The manifests
# that run it are in examples/kubernetes.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY connect connect
COPY server server
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /mconnect-server ./server/mconnect-server

FROM scratch
# For -peer https://… and -cloudwatch.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /mconnect-server /mconnect-server
USER 65532:65532
ENTRYPOINT ["/mconnect-server"]
