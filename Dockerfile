FROM swift:6.2-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        pkg-config libpq-dev libcurl4-openssl-dev libsqlite3-dev libssl-dev libpango1.0-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --product farebox --static-swift-stdlib \
    && install -D "$(swift build -c release --static-swift-stdlib --show-bin-path)/farebox" /out/farebox

FROM python:3-slim-bookworm AS vocabulary
WORKDIR /src
COPY scripts/lib/vocabulary.sh ./
RUN bash -c 'set -euo pipefail; . ./vocabulary.sh; farebox_vocabulary /vocabulary'

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libpq5 libcurl4 libsqlite3-0 libssl3 libpangocairo-1.0-0 ca-certificates tzdata \
        fonts-noto-core fonts-noto-cjk fonts-dejavu-core libjs-chart.js \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/farebox --create-home farebox
COPY --from=build /out/farebox /usr/local/bin/farebox
COPY --from=vocabulary /vocabulary /usr/local/share/farebox/vocabulary
COPY migrations /usr/local/share/farebox/migrations
COPY openapi.yaml /usr/local/share/farebox/openapi.yaml
ENV FAREBOX_MIGRATIONS=/usr/local/share/farebox/migrations \
    FAREBOX_OPENAPI=/usr/local/share/farebox/openapi.yaml \
    FAREBOX_VOCABULARY=/usr/local/share/farebox/vocabulary \
    FAREBOX_JOURNAL=/var/lib/farebox/journal.sqlite
USER farebox
# The journal must outlive the container: its identity and its unshipped events are in it.
VOLUME /var/lib/farebox
EXPOSE 8080
ENTRYPOINT ["farebox"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
