# The harness with everything that its embedded backend needs:
#
#   docker build --tag harness .
#   docker run --rm --volume "$PWD:/project" harness migrations replay db/migrations
#
# A server to certify is started inside, so an image that is made FROM this one adds what the
# server needs.
ARG BUILD=rust:1.95-bookworm
ARG BASE=debian:bookworm-slim

FROM ${BUILD} AS build
WORKDIR /harness
COPY . .
RUN cargo build --release --locked --package harness

FROM ${BASE}
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates git postgresql \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /harness/target/release/harness /usr/local/bin/harness
WORKDIR /project
ENTRYPOINT ["harness"]
CMD ["--help"]
