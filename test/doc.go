// Package e2e tests what users run: ./k6 and ./mconnect-server, over real sockets, beside HAProxy and InfluxDB. The
// tests need Linux, root (for network namespaces of their own) and what `make test-deps` and `make build` provide.
package e2e
