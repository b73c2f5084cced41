package sockets

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// The kernel fills at most so much at a time (netlink_recvmsg in net/netlink/af_netlink.c).
	dumpBuffer = 32 << 10
	// The kernel answers at once; this is for one that does not.
	dumpTimeout = 5 * time.Second
	// A port has one listening socket for each address and, with SO_REUSEPORT, each thread; more are counted, but not traced.
	mostListeners = 1024
)

// dump counts sockets while it reads them, and keeps nothing of them.
type dump struct {
	port   uint16
	peer   netip.AddrPort
	owned  bool     // only sockets with these inodes
	inodes []uint32 // sorted
	states uint32   // asked for: a bit for each

	counts           [stateCount]int64
	waiting, backlog int64
	listeners        []uint32 // inodes
}

func newDump(q Query) *dump {
	d := &dump{port: q.Port, peer: netip.AddrPortFrom(q.Peer.Addr().Unmap().WithZone(""), q.Peer.Port()), states: allStates}
	if q.PID != 0 {
		d.states &^= 1<<stateTimeWait | 1<<stateNewSynRecv // have no inode
	}
	if q.hasPeer() {
		d.states &^= 1 << stateListen
	}
	return d
}

// run reads the sockets of both IP versions over one netlink socket.
func (d *dump) run(ctx context.Context) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return fmt.Errorf("netlink socket for sock_diag: %w: %s", err, advice(err))
	}
	defer func() { _ = unix.Close(fd) }()
	timeout := unix.NsecToTimeval(int64(dumpTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return fmt.Errorf("netlink socket for sock_diag: SO_RCVTIMEO: %w", err)
	}
	buffer := make([]byte, dumpBuffer)
	for sequence, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err := d.runFamily(ctx, fd, family, uint32(sequence+1), buffer) // #nosec G115 -- 1 or 2
		if family == unix.AF_INET6 && errors.Is(err, unix.ENOENT) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return fmt.Errorf("sock_diag of %s: %w: %s", familyName(family), err, advice(err))
		}
	}
	return nil
}

func (d *dump) runFamily(ctx context.Context, fd int, family uint8, sequence uint32, buffer []byte) error {
	request := appendRequest(nil, family, d.states, d.port, d.peer.Port(), sequence)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // by the caller
		}
		// With MSG_TRUNC the length is that of the whole datagram.
		n, from, err := unix.Recvfrom(fd, buffer, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("no answer from the kernel within %v: %w", dumpTimeout, context.DeadlineExceeded)
		case err != nil:
			return fmt.Errorf("answer: %w", err)
		case n > len(buffer):
			return fmt.Errorf("answer of %d bytes, %d fit", n, len(buffer))
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue // not from the kernel
		}
		if done, err := d.read(buffer[:n], sequence); done || err != nil {
			return err
		}
	}
}

// read counts the sockets of one datagram from the kernel. It returns true with the last of them.
func (d *dump) read(datagram []byte, sequence uint32) (done bool, err error) {
	for len(datagram) > 0 {
		m, rest, err := nextMessage(datagram)
		if err != nil {
			return false, err
		}
		datagram = rest
		if m.sequence != sequence {
			continue // of an earlier request
		}
		switch m.kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return true, m.failure()
		case unix.SOCK_DIAG_BY_FAMILY:
			s, err := m.socket()
			if err != nil {
				return false, err
			}
			d.add(&s)
		}
	}
	return false, nil
}

func (d *dump) add(s *socket) {
	if !d.wants(s) {
		return
	}
	if s.state == stateNewSynRecv {
		s.state = stateSynRecv
	}
	d.counts[s.state]++
	if s.state != stateListen {
		return
	}
	d.waiting += int64(s.receiveQueue)
	d.backlog += int64(s.sendQueue)
	if len(d.listeners) < mostListeners && s.inode != 0 {
		d.listeners = append(d.listeners, s.inode)
	}
}

// wants also checks what the kernel was asked to filter by: old ones do not for all states.
func (d *dump) wants(s *socket) bool {
	if s.state >= stateCount || d.states&(1<<s.state) == 0 {
		return false
	}
	if d.port != 0 && d.port != s.localPort {
		return false
	}
	if d.peer.Port() != 0 && d.peer.Port() != s.peerPort {
		return false
	}
	if d.peer.Addr().IsValid() && d.peer.Addr() != s.peer {
		return false
	}
	if !d.owned {
		return true
	}
	_, found := slices.BinarySearch(d.inodes, s.inode)
	return found
}

func (d *dump) table() Table {
	t := Table{
		Established: d.counts[stateEstablished],
		SynSent:     d.counts[stateSynSent],
		SynRecv:     d.counts[stateSynRecv],
		FinWait1:    d.counts[stateFinWait1],
		FinWait2:    d.counts[stateFinWait2],
		TimeWait:    d.counts[stateTimeWait],
		Close:       d.counts[stateClose],
		CloseWait:   d.counts[stateCloseWait],
		LastAck:     d.counts[stateLastAck],
		Listen:      d.counts[stateListen],
		Closing:     d.counts[stateClosing],
	}
	for _, n := range d.counts {
		t.Total += n
	}
	return t
}

func familyName(family uint8) string {
	if family == unix.AF_INET {
		return "IPv4"
	}
	return "IPv6"
}

func advice(err error) string {
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return descriptorAdvice
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
		return "the kernel needs CONFIG_INET_TCP_DIAG (modprobe tcp_diag)"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "the sandbox of this process must allow netlink sockets"
	}
	return "try again, or look with ss -tan"
}
