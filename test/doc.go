// Package e2e tests what users run: ./k6 and ./mconnect-server, over real sockets, beside HAProxy and InfluxDB. They
// need Linux and what `make build` makes; those that need root or another program say so themselves (needs_test.go).
package e2e
