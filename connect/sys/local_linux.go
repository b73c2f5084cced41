package sys

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Local returns the address and port that a socket is bound to (getsockname(2)), without an IPv6 zone. It is invalid if the kernel does
// not tell.
func Local(fd int) netip.AddrPort {
	var a Addr
	a.length = uint32(len(a.raw))
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(a.pointer()), uintptr(unsafe.Pointer(&a.length))) // #nosec G103 -- a outlives the call
	if errno != OK {
		return netip.AddrPort{}
	}
	return a.addrPort()
}

// AcceptFrom is Accept, and tells the peer's address and port, without an IPv6 zone. That costs the kernel a little.
func AcceptFrom(fd int) (conn int, from netip.AddrPort, errno syscall.Errno) {
	var a Addr
	a.length = uint32(len(a.raw))
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(a.pointer()), uintptr(unsafe.Pointer(&a.length)), // #nosec G103 -- a outlives the call
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != OK {
		return -1, from, errno
	}
	return int(n), a.addrPort(), OK
}

// addrPort reads what the kernel has written.
func (a *Addr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(a.raw[2:])
	if a.Family() == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.raw[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(a.raw[8:24])).Unmap(), port)
}
