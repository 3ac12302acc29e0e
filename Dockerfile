# syntax=docker/dockerfile:1
#
# The image of the webhook: one static binary, nothing else.
#
#   docker build --build-arg VERSION=v1.2.3 -t ghcr.io/hookstrap/hookstrap:v1.2.3 .
#   docker buildx build --platform=linux/amd64,linux/arm64 ...
#
# The builder is pinned by its exact version. A release pins it by content as well: take the digest from
# `docker buildx imagetools inspect golang:1.26.8` and write golang:1.26.8@sha256:... below.

# Runs natively and compiles for the target, so that no build is emulated.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETOS TARGETARCH
ARG VERSION=dev
ENV CGO_ENABLED=0 GOFLAGS=-mod=readonly GOTOOLCHAIN=local
WORKDIR /src
RUN --mount=type=bind,source=go.mod,target=/src/go.mod \
    --mount=type=bind,source=release.mod,target=/src/release.mod \
    --mount=type=bind,source=release.sum,target=/src/release.sum \
    --mount=type=cache,target=/go/pkg/mod \
    go mod download -modfile=release.mod
# No path of the builder and no state of its checkout goes into the binary: same source and version, same bytes.
RUN --mount=type=bind,target=/src \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -modfile=release.mod -trimpath -buildvcs=false \
      -ldflags="-s -w -X main.version=$VERSION" -o /out/webhook ./cmd/webhook

# From scratch, because there is nothing the binary needs: it is static, it speaks UTC, the API server's CA comes with the
# ServiceAccount's token, and a numeric user needs no /etc/passwd. With no base image there is nothing to pull, to scan or
# to update, and no shell for an attacker.
FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="hookstrap" \
      org.opencontainers.image.description="An admission webhook server that bootstraps its own TLS" \
      org.opencontainers.image.source="https://github.com/hookstrap/hookstrap" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/webhook /webhook
USER 65532:65532
EXPOSE 9443 8080 8081
ENTRYPOINT ["/webhook"]
