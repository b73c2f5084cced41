package epoll

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// Dial implements engine.Driver.
func (d *driver) Dial(key uint32, number int64) (at int64, fault engine.Fault) {
	fd, maySelfConnect, fault := d.launch(number, &d.targets[d.job.TargetOf(number)])
	if fault.Class != class.None {
		return loop.Now(), fault
	}
	for int(key) >= len(d.socks) {
		d.socks = append(d.socks, sock{})
	}
	s := &d.socks[key]
	*s = sock{fd: int32(fd), life: s.life + 1, maySelfConnect: maySelfConnect} // #nosec G115 -- descriptors are 32 bits wide
	events := loop.Readable | loop.Writable | loop.PeerDone | loop.Edge
	if d.datagram {
		events = loop.Readable // as long as there are any
	}
	if err := d.loop.Add(fd, key, events); err != nil {
		d.loop.Close(fd)
		return loop.Now(), engine.Fault{Class: class.Other, Err: err}
	}
	if d.datagram {
		d.fresh = append(d.fresh, key)
	}
	return loop.Now(), engine.Fault{} // after the SYN: this process may pause before
}

// launch opens a socket and starts its connect. maySelfConnect is whether the socket may connect to itself.
func (d *driver) launch(number int64, to *endpoint) (fd int, maySelfConnect bool, fault engine.Fault) {
	var errno syscall.Errno
	for try := range socketTries {
		if fd, fault = d.open(number, to); fault.Class != class.None {
			return -1, false, fault
		}
		inTurn := d.inTurn && try < socketTries-1
		if inTurn {
			errno = d.connectInTurn(fd, number, to)
		} else {
			errno = sys.Connect(fd, &to.addr)
		}
		if errno == sys.OK || errno == unix.EINPROGRESS {
			return fd, to.maySelfConnect && !inTurn, engine.Fault{}
		}
		sys.Close(fd)
		if portTaken := errno == unix.EADDRNOTAVAIL || errno == unix.EADDRINUSE; !portTaken || !d.inTurn {
			break
		}
	}
	fault = engine.Fault{Class: class.OfConnect(errno, d.sourceOf(number), d.job.Plan.Targets[d.job.TargetOf(number)].Addr.Addr()), Err: d.errors.Of("connect", errno)}
	if errno == unix.EADDRNOTAVAIL && d.job.Plan.Sources.Ports.Count() > 0 {
		fault.Class = class.AddrInUse // the port it may use is taken: another connection has the same 5-tuple
	}
	return -1, false, fault
}

// sourceOf is the address that a connection comes from, which is not valid if the system chooses it.
func (d *driver) sourceOf(number int64) netip.Addr {
	if !d.job.Plan.Sources.Chosen() {
		return netip.Addr{}
	}
	return d.job.Plan.Sources.At(uint64(number)).Addr() // #nosec G115 -- connections count from 0
}

// open opens a socket, and binds it if a source is wanted.
func (d *driver) open(number int64, to *endpoint) (fd int, fault engine.Fault) {
	kind := unix.SOCK_STREAM
	if d.datagram {
		kind = unix.SOCK_DGRAM
	}
	fd, errno := sys.Open(to.family, kind)
	if errno != sys.OK {
		return -1, d.fault("socket", errno)
	}
	if to.far {
		sys.KeepICMP(fd, to.family)
	}
	if d.inTurn {
		_ = sys.SetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // its port can be bound again when it is in TIME_WAIT
	}
	if sources := &d.job.Plan.Sources; sources.Chosen() {
		if errno := sys.BindSource(fd, to.family, sources.At(uint64(number))); errno != sys.OK { // #nosec G115 -- connections count from 0
			sys.Close(fd)
			return -1, engine.Fault{Class: class.OfCall("bind", errno), Err: d.errors.Of("bind", errno)}
		}
	}
	return fd, engine.Fault{}
}

// dialed finds out what has come of a TCP connect.
func (d *driver) dialed(key uint32, s *sock, events loop.Events) {
	var errno syscall.Errno
	if events&(loop.Failed|loop.HungUp) != 0 {
		errno = sys.Error(int(s.fd))
	}
	e := engine.Event{Key: key, Kind: engine.Ended, At: d.loop.Now()}
	switch {
	case errno == unix.ECONNRESET || errno == unix.EPIPE:
		// An attempt to connect is refused, never reset: this connection was established, and has been reset since. What came before
		// can't be read any more.
		if d.connected(key, s) {
			e.Fault = d.fault("read", unix.ECONNRESET)
			d.core.Handle(&e)
		}
		return
	case errno != sys.OK:
		e.Fault = d.faultOf(s, "connect", errno)
	case events&(loop.Writable|loop.HungUp) == 0:
		return
	case d.isSelfConnect(key, s):
		_ = sys.ResetOnClose(int(s.fd)) // the port is free at once
		e.Fault = engine.Fault{Class: class.Refused, Err: engine.ReasonSelf}
	default:
		d.connected(key, s)
		return
	}
	d.core.Handle(&e)
}

// to is the target of a connection.
func (d *driver) to(key uint32) *endpoint {
	return &d.targets[d.job.TargetOf(int64(d.core.Number(key)))]
}

// isSelfConnect reports whether a socket is connected to itself (RFC 9293, section 3.5, simultaneous open).
func (d *driver) isSelfConnect(key uint32, s *sock) bool {
	return s.maySelfConnect && sys.Local(int(s.fd)) == d.to(key).addrPort
}

// connected reports a connection as established. It returns false if that was its end.
func (d *driver) connected(key uint32, s *sock) bool {
	s.connected = true
	life := s.life
	if to := d.to(key); to.far {
		sys.SurviveICMP(int(s.fd), to.family)
	}
	if header := d.job.Plan.Header; header != nil {
		fd := int(s.fd)
		d.header = header(d.header[:0], sys.Local(fd), d.to(key).addrPort)
		_, _ = sys.Write(fd, d.header) // a fresh socket has room for it; that it has failed is told when it is read
	}
	d.core.Handle(&engine.Event{Key: key, Kind: engine.Connected, At: d.loop.Now()})
	return d.socks[key].life == life
}

// connectDatagrams reports UDP sockets as connected: their connect does not wait for anything. It returns whether there were any.
func (d *driver) connectDatagrams() (some bool) {
	d.clock = loop.Now()
	for _, key := range d.fresh {
		switch s := &d.socks[key]; {
		case s.fd < 0 || s.connected:
		case d.isSelfConnect(key, s):
			d.core.Handle(&engine.Event{Key: key, Kind: engine.Ended, At: loop.Now(), Fault: engine.Fault{Class: class.Refused, Err: engine.ReasonSelf}})
		default:
			s.connected = true
			d.core.Handle(&engine.Event{Key: key, Kind: engine.Connected, At: d.clock})
		}
	}
	some = len(d.fresh) > 0
	d.fresh = d.fresh[:0]
	return some
}
