package sys

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Addr is a socket address in the kernel's own form, made once and used for many calls.
type Addr struct {
	raw    [unix.SizeofSockaddrInet6]byte
	length uint32
}

// NewAddr returns the kernel's form of an address and port (ip(7), ipv6(7)). An IPv6 zone may be an interface's name or number.
func NewAddr(ap netip.AddrPort) Addr {
	var a Addr
	a.Set(ap)
	return a
}

// Set overwrites the address in place.
func (a *Addr) Set(ap netip.AddrPort) {
	ip := ap.Addr().Unmap()
	binary.BigEndian.PutUint16(a.raw[2:], ap.Port())
	if ip.Is4() {
		binary.NativeEndian.PutUint16(a.raw[:], unix.AF_INET)
		v4 := ip.As4()
		copy(a.raw[4:], v4[:])
		a.length = unix.SizeofSockaddrInet4
		return
	}
	binary.NativeEndian.PutUint16(a.raw[:], unix.AF_INET6)
	v6 := ip.As16()
	copy(a.raw[8:], v6[:])
	binary.NativeEndian.PutUint32(a.raw[24:], zoneID(ip.Zone()))
	a.length = unix.SizeofSockaddrInet6
}

// Family is AF_INET or AF_INET6.
func (a *Addr) Family() int { return int(binary.NativeEndian.Uint16(a.raw[:])) }

func (a *Addr) pointer() unsafe.Pointer {
	return unsafe.Pointer(&a.raw) // #nosec G103 -- the kernel reads the address from here during the call
}

func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if nic, err := net.InterfaceByName(zone); err == nil {
		return uint32(nic.Index) // #nosec G115 -- an interface's index is a positive int32
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}
