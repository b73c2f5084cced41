// Package sockets counts the TCP sockets of a host by state: those of a local port, of a process, of a peer, or all. It
// also tells how many file descriptors the process has open, and how many it may have.
//
// On Linux the kernel is asked directly (sock_diag(7)), which takes some milliseconds for 10,000 sockets and no memory for
// each. Remote asks the companion server of another host.
package sockets
