// Package server is the companion server. Its responder tells its host name to every TCP connection and UDP datagram,
// as "mconnect -server" does, so that a client can count how a load balancer spreads its connections. Its echo is
// ctraffic's server, for traffic on connections that stay. Its HTTP listener answers slowly on purpose, as Orion's
// slow_listener does, and tells metrics and the host's socket table. It can also be a part of a mesh of servers that
// measure each other (package mesh).
//
// On Linux plain TCP runs on event loops and costs some tens of bytes per idle connection; TLS, and TCP on other systems,
// run on package net behind the same small interface. Every peer is held to be hostile: connections, idle time, buffers
// and log lines are bounded.
package server
