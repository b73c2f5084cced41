package server

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// A loopRole has a part on event loops.
type loopRole interface {
	talkOn(t *tcpLoop) talk
	// sendBuffer bounds what the kernel keeps for a client that does not read, in bytes.
	sendBuffer() int
}

// A talk is what a loop's clients are told. Its methods run on the loop's goroutine.
type talk interface {
	// welcome is called for a new client, before it is heard. The address is valid if the loop needs addresses.
	welcome(key uint32, client netip.AddrPort)
	// ready does what the client is ready for. It returns false when the connection is over.
	ready(key uint32, events loop.Events) (open bool)
	// heard takes what a client has sent, which is good until the call returns. It returns false when the connection is over.
	heard(key uint32, data []byte) (open bool)
	// forget is called when the connection ends.
	forget(key uint32)
}

// tcpLoops serves one listening socket on several event loops.
type tcpLoops struct {
	listener int
	loops    []*tcpLoop
}

// startTCP serves plain TCP on event loops and takes over the listener.
func startTCP(s *Server, p port, listener *net.TCPListener) (service, error) {
	fd, err := duplicate(listener)
	if err != nil {
		return nil, err
	}
	// Go's poller must not watch the socket that the loops watch.
	_ = listener.Close()
	// What a listening socket is set to, its connections inherit (tcp(7), socket(7)).
	_ = sys.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = sys.SetInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, p.role.sendBuffer())

	t := &tcpLoops{listener: fd}
	for range s.options.Loops {
		l, err := startTCPLoop(s, p, fd)
		if err != nil {
			t.close()
			return nil, err
		}
		t.loops = append(t.loops, l)
	}
	return t, nil
}

// duplicate gives the listening socket a descriptor of its own, which package net does not know.
func duplicate(listener *net.TCPListener) (fd int, err error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("listening socket: %w", err)
	}
	var dupErr error
	err = raw.Control(func(socket uintptr) { fd, dupErr = unix.FcntlInt(socket, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return -1, fmt.Errorf("duplicating the listening socket: %w", err)
	}
	return fd, nil
}

func (t *tcpLoops) drain() {
	for _, l := range t.loops {
		l.do(l.stopAccepting)
	}
	t.closeListener()
}

func (t *tcpLoops) close() {
	for _, l := range t.loops {
		l.do(l.end)
		l.loop.Stop()
	}
	t.closeListener()
}

func (t *tcpLoops) closeListener() {
	if t.listener >= 0 {
		sys.Close(t.listener)
		t.listener = -1
	}
}
