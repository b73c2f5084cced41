#!/bin/sh
# Runs examples/million.js between two networks that it makes, and removes again: million-client has 10.98.0.1, and a route that says that all of
# 10.99.0.0/16 is there; million-server answers on 10.98.0.11 to 10.98.0.14 by four mconnect-servers, each on a link of its own.
# Options are k6's: examples/million.sh -e CONNECTIONS=100000
set -eu
cd "$(dirname "$0")/.."
servers=''
clean() {
	for pid in $servers; do kill "$pid" 2>/dev/null || true; done
	ip netns del million-client 2>/dev/null || true
	ip netns del million-server 2>/dev/null || true
}
trap clean EXIT
ip netns add million-client
ip netns add million-server
client='ip -n million-client'
$client link set lo up
$client link add bridge type bridge
$client addr add 10.98.0.1/16 dev bridge
$client link set bridge up
for i in 1 2 3 4; do
	$client link add "to$i" type veth peer name "wire$i" netns million-server
	$client link set "to$i" master bridge up
	ip -n million-server link set "wire$i" up
	ip netns exec million-server ./mconnect-server -packets "wire$i" -address "10.98.0.1$i:5001" -hostname "server-$i" -log json 2>/dev/null &
	servers="$servers $!"
done
sleep 1
ip netns exec million-client ./k6 run -e WIRED=yes "$@" examples/million.js
