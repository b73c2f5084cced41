// Package loop is a small event loop over epoll, for many sockets on few threads.
//
// A [Loop] is one goroutine; a [Handler] owns any number of descriptors on it and is only ever called from that
// goroutine, so it needs no locks. A [Queue] holds the deadlines of a handler's connections. Loops exist on Linux only.
package loop
