#!/usr/bin/env bash
# Show that `make demo`, or the target that is named, sets itself up: a clean clone in a container with nothing but Python,
# make and git.
set -euo pipefail
cd "$(dirname "$0")/.."

image=$(docker build --quiet --network host - <<'DOCKERFILE'
FROM python:3.11-slim-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make git >/dev/null
DOCKERFILE
)
# Sites that inspect TLS hand their certificates on by these variables.
docker run --rm --network host --volume "$PWD":/checkout:ro --volume /etc/ssl/certs:/etc/ssl/certs:ro \
  --env SSL_CERT_FILE --env PIP_CERT "$image" bash -euc '
    git clone --quiet -c safe.directory=* /checkout /clone
    cd /clone
    make "$1"
  ' bare "${1:-demo}"
