//go:build unix

package gonet

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// isReadable reports whether a read would not have to wait. It takes the read's deadline away.
func isReadable(conn net.Conn) (yes bool) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true // which the read will tell
	}
	_ = conn.SetReadDeadline(time.Time{})
	_ = raw.Read(func(fd uintptr) (done bool) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // #nosec G115 -- a descriptor
		yes = !errors.Is(err, syscall.EAGAIN)
		return true
	})
	return yes
}
