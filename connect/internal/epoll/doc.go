// Package epoll is the driver of plain TCP and UDP on Linux: non-blocking sockets on event loops over epoll, each with a core of its own.
package epoll
