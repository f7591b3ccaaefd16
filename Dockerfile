# The proxy in an image of its own: no shell, no package manager, not root.
#
#   docker build -t singleflight-proxy .
#   docker run -v "$PWD:/etc/singleflight:ro" -p 8080:8080 -p 9900:9900 singleflight-proxy
#
# The folder with proxy.yaml is mounted, not the file: so a file that is renamed to it is seen, and taken without a restart.
# In a container `listeners` and `health` want 0.0.0.0, for what reaches them comes from outside. The HEALTHCHECK asks for
# /readyz at port 9900 of the container: with another `health.address` name that page with --health-cmd.
#
# The same sources and the same packages make the same image: packages come from one day's archive where SNAPSHOT names a
# day of snapshot.debian.org (20261101T000000Z), and no file says when it was made. /usr/share/doc holds the licences, and
# the list of packages that libraries were taken from.
FROM debian:bookworm AS build
WORKDIR /src
ARG SNAPSHOT
RUN [ -z "$SNAPSHOT" ] || sed -i -e "s|^URIs: .*|URIs: http://snapshot.debian.org/archive/debian/$SNAPSHOT|" \
  -e '1i Check-Valid-Until: no' /etc/apt/sources.list.d/debian.sources
COPY deploy/packages.sh deploy/packages.txt deploy/
RUN deploy/packages.sh proxy image && rm -rf build /var/lib/apt/lists/*
COPY . .
RUN deploy/docker/build.sh /image /demo

# `--target demo`: the demo's backend, for deploy/compose.yaml.
FROM scratch AS demo
COPY --from=build /demo/ /
USER 65532:65532
EXPOSE 50051
ENTRYPOINT ["/usr/bin/demo-backend"]

FROM scratch AS proxy
LABEL org.opencontainers.image.title="singleflight-proxy"
LABEL org.opencontainers.image.description="gRPC proxy that makes concurrent identical calls cost one upstream call"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="0.1.0"
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8080 9900
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s \
  CMD ["/usr/bin/singleflight-proxy", "--probe", "http://127.0.0.1:9900/readyz"]
ENTRYPOINT ["/usr/bin/singleflight-proxy"]
CMD ["--config", "/etc/singleflight/proxy.yaml"]
