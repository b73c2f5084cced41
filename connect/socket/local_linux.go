package socket

import (
	"encoding/binary"
	"net/netip"
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
	port := binary.BigEndian.Uint16(a.raw[2:])
	if a.Family() == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.raw[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(a.raw[8:24])).Unmap(), port)
}
