#!/bin/sh
# Runs nginx, and reloads it when the certificate changes: the sidecar replaces all files in one step. A reload that
# fails leaves nginx with the old certificate; the next round tries again.
set -eu
config=${1:-/program/nginx.conf}
serving=${2:-/serving}

loaded=$(cksum "$serving/tls.crt") # before nginx reads it: a change in between is seen
nginx -e stderr -c "$config" -t
nginx -e stderr -c "$config" -g 'daemon off;' &
server=$!
trap 'kill -QUIT $server' TERM INT

while kill -0 $server 2>/dev/null; do
  sleep 1
  now=$(cksum "$serving/tls.crt") || continue
  if [ "$now" != "$loaded" ] && nginx -e stderr -c "$config" -s reload; then
    loaded=$now
    echo "reloaded with the new certificate"
  fi
done
wait $server
