package packets

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// errnoOf is the error that a socket has for an ICMP error, as the kernel's icmp_err_convert and icmpv6_err_convert have it. ends is false
// for those that do not end a connection.
func errnoOf(r *wire.Rejection) (errno syscall.Errno, ends bool) {
	if r.V6 {
		return errnoOf6(r)
	}
	const unreachable, fragmentationNeeded = 3, 4
	if r.Type != unreachable {
		return unix.EHOSTUNREACH, true
	}
	switch r.Code {
	case 0, 6, 9, 11: // net unreachable, unknown, prohibited, unreachable for this type of service
		return unix.ENETUNREACH, true
	case 2: // protocol unreachable
		return unix.ENOPROTOOPT, true
	case 3: // port unreachable
		return unix.ECONNREFUSED, true
	case fragmentationNeeded:
		return 0, false
	case 5: // source route failed
		return unix.EOPNOTSUPP, true
	case 7: // host unknown
		return unix.EHOSTDOWN, true
	}
	return unix.EHOSTUNREACH, true
}

func errnoOf6(r *wire.Rejection) (errno syscall.Errno, ends bool) {
	const unreachable, packetTooBig = 1, 2
	switch {
	case r.Type == packetTooBig:
		return 0, false
	case r.Type != unreachable:
		return unix.EHOSTUNREACH, true
	case r.Code == 0: // no route
		return unix.ENETUNREACH, true
	case r.Code == 1, r.Code == 5, r.Code == 6: // prohibited, source address failed policy, reject route
		return unix.EACCES, true
	case r.Code == 4: // port unreachable
		return unix.ECONNREFUSED, true
	}
	return unix.EHOSTUNREACH, true
}

func prohibited(r *wire.Rejection) bool {
	return sys.ICMP{From: r.From, Type: r.Type, Code: r.Code, V6: r.V6}.Prohibited()
}
