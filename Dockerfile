# The proxy in an image of its own: no shell, no package manager, not root.
#
#   docker build -t singleflight-proxy .
#   docker run -v "$PWD:/etc/singleflight:ro" -p 8080:8080 -p 9900:9900 singleflight-proxy
#
# The folder with proxy.yaml is mounted, not the file: so a file that is renamed to it is seen, and taken without a restart.
# In a container `listeners` and `health` want 0.0.0.0, for what reaches them comes from outside. Probe /livez and
# /readyz at `health.address`; there is nothing in the image that a HEALTHCHECK could run.
FROM debian:bookworm AS build
WORKDIR /src
COPY deploy/packages.sh deploy/packages.txt deploy/
RUN deploy/packages.sh proxy image && rm -rf build /var/lib/apt/lists/*
COPY . .
RUN deploy/docker/build.sh /image

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8080 9900
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/singleflight-proxy"]
CMD ["--config", "/etc/singleflight/proxy.yaml"]
