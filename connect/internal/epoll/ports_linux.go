package epoll

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// ephemeral is the range of local ports that connections without a port of their own have (ip(7), ip_local_port_range), and whose turn it is.
//
// The kernel's own search for a port takes longer the more of them are in TIME_WAIT. In turn, a port comes again only after all others.
type ephemeral struct {
	first, count uint32
	reserved     map[uint16]bool // ports that the administrator keeps for others (ip_local_reserved_ports), and that are left to them here
	next         atomic.Uint32
}

// newEphemeral asks the kernel for the range. No port is handed out of a range that is not known.
func newEphemeral() *ephemeral {
	first, last, ok := limits.EphemeralPorts()
	if !ok {
		return &ephemeral{}
	}
	reserved, _ := os.ReadFile("/proc/sys/net/ipv4/ip_local_reserved_ports")
	e := &ephemeral{first: uint32(first), count: uint32(last-first) + 1, reserved: parsePorts(string(reserved))}
	e.leaveSome()
	e.next.Store(rand.Uint32N(e.count)) // #nosec G404 -- no secret: another process may have used the first ones just now
	return e
}

// leaveSome leaves some ports to other programs: with all of them in TIME_WAIT, none could listen on a port of the kernel's choice for a
// minute. The kernel, too, spares every other port as long as it can (inet_hash_connect, inet_csk_get_port).
func (e *ephemeral) leaveSome() {
	const one, least = 32, 1024 // of so many ports; of fewer than that, each is needed
	if e.count < least {
		return
	}
	for p := e.first; p < e.first+e.count; p += one {
		e.reserved[uint16(p)] = true // #nosec G115 -- within the range
	}
}

// parsePorts reads a list as the kernel prints it: "8080,9000-9002".
func parsePorts(list string) map[uint16]bool {
	ports := map[uint16]bool{}
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		var first, last uint16
		if n, _ := fmt.Sscanf(part, "%d-%d", &first, &last); n == 0 {
			continue
		} else if n == 1 {
			last = first
		}
		for p := int(first); p <= int(last); p++ {
			ports[uint16(p)] = true // #nosec G115 -- at most last
		}
	}
	return ports
}

// take returns the next port that is neither reserved nor the target's, to which a socket of that port might connect itself, and false
// if there is none.
func (e *ephemeral) take(target uint16) (port uint16, ok bool) {
	for range min(e.count, uint32(len(e.reserved))+2) { // #nosec G115 -- at most 65,536
		port = uint16(e.first + e.next.Add(1)%e.count) // #nosec G115 -- within the range
		if port != target && !e.reserved[port] {
			return port, true
		}
	}
	return 0, false
}

// skip passes over ports that are probably taken, too: a connection that stays has neighbors that were dialed with it.
func (e *ephemeral) skip(ports int) { e.next.Add(uint32(min(ports, 1<<10))) } // #nosec G115 -- at most 1,024

// has reports whether a port may be chosen for a connection; true if the range is not known.
func (e *ephemeral) has(port uint16) bool {
	return e.count == 0 || uint32(port)-e.first < e.count
}

// maySelfConnect reports whether a socket of the job may have the target's port itself. Then, where nothing listens on a port of this host,
// the system may connect the socket to itself.
func maySelfConnect(j *engine.Job, e *ephemeral, port uint16) bool {
	if ports := j.Plan.Sources.Ports; ports.Count() > 0 {
		return ports.First <= port && port <= ports.Last
	}
	return e.has(port)
}

// fewSources is up to how many source addresses the ports of each are so few that the kernel's search for one takes long.
const fewSources = 16

// suit reports whether ports are to be taken in turn: those of these sources are the kernel's to choose otherwise.
func (e *ephemeral) suit(sources *source.Sequence) bool {
	return e.count > 0 && sources.Ports.Count() == 0 && (sources.Pool == nil || sources.Pool.Size() <= fewSources)
}

const (
	limitTries  = 2 // ports that a connect is limited to, one after the other
	bindTries   = 8 // ports that are then tried to be bound
	socketTries = 4 // sockets for which all that is done; for the last one the kernel looks at all ports
)

// connectInTurn starts a connect from the port whose turn it is. EADDRNOTAVAIL and EADDRINUSE say that the ports it tried are taken; the
// socket may be bound to the last one then.
//
// A connect that is limited to one port leaves that port to other destinations, and shows a conflict before the socket is bound. But it
// takes a port back from TIME_WAIT after a second only, and on loopback only (tcp_tw_reuse); from a port that is bound, it does so at once
// and everywhere.
func (d *driver) connectInTurn(fd int, number int64, to *endpoint) syscall.Errno {
	for range limitTries {
		port, ok := d.ephemeral.take(to.addrPort.Port())
		if !ok || sys.LimitPort(fd, port) != sys.OK {
			return unix.EADDRNOTAVAIL // this kernel can't
		}
		if errno := sys.Connect(fd, &to.addr); errno != unix.EADDRNOTAVAIL {
			return errno
		}
	}
	from := d.job.Plan.Sources.At(uint64(number)) // #nosec G115 -- connections count from 0
	for range bindTries {
		port, _ := d.ephemeral.take(to.addrPort.Port())
		if sys.BindSource(fd, to.family, netip.AddrPortFrom(from.Addr(), port)) == sys.OK {
			errno := sys.Connect(fd, &to.addr)
			if errno == unix.EADDRNOTAVAIL {
				d.ephemeral.skip(d.job.Plan.Concurrency)
			}
			return errno
		}
	}
	return unix.EADDRINUSE
}
