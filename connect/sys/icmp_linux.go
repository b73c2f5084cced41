package sys

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ICMP is an error that the network, or this host, has told about a packet (ip(7), IP_RECVERR).
type ICMP struct {
	From       netip.Addr // who has sent it; not valid for this host itself
	Type, Code uint8
	V6         bool
}

// Prohibited reports whether a firewall or a router forbids the packet.
func (e ICMP) Prohibited() bool {
	if e.V6 {
		return e.Type == 1 && (e.Code == 1 || e.Code == 5 || e.Code == 6)
	}
	return e.Type == 3 && (e.Code == 9 || e.Code == 10 || e.Code == 13)
}

// KeepICMP makes the kernel keep the ICMP errors about a socket's packets, for ICMPError.
func KeepICMP(fd, family int) { receiveErrors(fd, family, 1) }

// SurviveICMP undoes KeepICMP. While the kernel keeps ICMP errors, each ends an established TCP connection; else TCP sends again until it gives
// up (RFC 1122, section 4.2.3.9), as it does for every other program.
func SurviveICMP(fd, family int) { receiveErrors(fd, family, 0) }

func receiveErrors(fd, family, value int) {
	if family == unix.AF_INET6 {
		_ = SetInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, value)
		return
	}
	_ = SetInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, value)
}

// ICMPError takes an error from the queue that KeepICMP has made; ok is false if there is none.
func ICMPError(fd int) (e ICMP, ok bool) {
	var oob [512]byte
	var data [64]byte
	iov := unix.Iovec{Base: &data[0]}
	iov.SetLen(len(data))
	message := unix.Msghdr{Iov: &iov, Control: &oob[0]}
	message.SetIovlen(1)
	message.SetControllen(len(oob))
	_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT) // #nosec G103 -- message outlives the call
	if errno != OK {
		return ICMP{}, false
	}
	controls, err := syscall.ParseSocketControlMessage(oob[:message.Controllen])
	if err != nil {
		return ICMP{}, false
	}
	for _, c := range controls {
		if e, ok := parseICMP(&c); ok {
			return e, true
		}
	}
	return ICMP{}, false
}

// parseICMP reads a sock_extended_err and the address behind it.
func parseICMP(c *syscall.SocketControlMessage) (e ICMP, ok bool) {
	const (
		size              = int(unsafe.Sizeof(unix.SockExtendedErr{}))
		originV4          = 2
		originV6          = 3
		family4, address4 = size, size + 4
		address6          = size + 8
	)
	isV4 := c.Header.Level == unix.IPPROTO_IP && c.Header.Type == unix.IP_RECVERR
	isV6 := c.Header.Level == unix.IPPROTO_IPV6 && c.Header.Type == unix.IPV6_RECVERR
	if !isV4 && !isV6 || len(c.Data) < size {
		return ICMP{}, false
	}
	origin, kind, code := c.Data[4], c.Data[5], c.Data[6]
	if origin != originV4 && origin != originV6 {
		return ICMP{}, false
	}
	e = ICMP{Type: kind, Code: code, V6: origin == originV6}
	switch {
	case len(c.Data) >= address4+4 && c.Data[family4] == unix.AF_INET:
		e.From = netip.AddrFrom4([4]byte(c.Data[address4 : address4+4]))
	case len(c.Data) >= address6+16 && c.Data[family4] == unix.AF_INET6:
		e.From = netip.AddrFrom16([16]byte(c.Data[address6 : address6+16])).Unmap()
	}
	return e, true
}
