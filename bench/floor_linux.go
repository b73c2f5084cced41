package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// The engine uses as many loops as these bounds allow (connect/internal/epoll), and so does the floor.
const (
	mostLoops    = 8
	lanesPerLoop = 16
)

// floor is what the kernel allows: bare epoll loops that make the same system calls for each connection as the engine, but for
// the two by which that chooses a TCP port, and nothing else. It neither times, classifies nor parses, and gives up at the first error.
func floor(_ context.Context, f flood) (time.Duration, error) {
	start := time.Now()
	count := min(runtime.GOMAXPROCS(0), mostLoops, (f.Concurrency+lanesPerLoop-1)/lanesPerLoop)
	errs := make([]error, count)
	var next atomic.Int64
	var loops sync.WaitGroup
	lanes := f.Concurrency
	for i := range count {
		share := lanes / (count - i)
		lanes -= share
		loops.Go(func() { errs[i] = newBareLoop(f, share, &next).run() })
	}
	loops.Wait()
	took := time.Since(start)
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return took, nil
}

// bareLoop makes connections in so many lanes, one after the other in each.
type bareLoop struct {
	epfd        int
	udp         bool
	kind        int
	targets     []sys.Addr
	connections int64
	next        *atomic.Int64 // the first connection that no loop has taken
	lanes       []lane
	busy        int // lanes that have a connection
	payload     []byte
	buffer      [512]byte
}

type lane struct {
	fd        int
	connected bool
}

func newBareLoop(f flood, lanes int, next *atomic.Int64) *bareLoop {
	b := &bareLoop{
		udp: f.Network == "udp", kind: unix.SOCK_STREAM, connections: int64(f.Connections),
		next: next, lanes: make([]lane, lanes), payload: []byte(payload),
	}
	if b.udp {
		b.kind = unix.SOCK_DGRAM
	}
	for _, t := range f.Targets {
		b.targets = append(b.targets, sys.NewAddr(t))
	}
	return b
}

func (b *bareLoop) run() (err error) {
	if b.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	defer func() { _ = unix.Close(b.epfd) }()
	b.busy = len(b.lanes)
	for at := range b.lanes {
		if err := b.dial(at); err != nil {
			return err
		}
	}
	var events [32]unix.EpollEvent
	for b.busy > 0 {
		n, err := b.wait(events[:])
		if err != nil {
			return err
		}
		for i := range events[:n] {
			if err := b.ready(int(events[i].Fd), events[i].Events); err != nil {
				return err
			}
		}
	}
	return nil
}

// wait looks for events before it blocks, as the engine does: the look bothers the Go scheduler less.
func (b *bareLoop) wait(events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(b.epfd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0) // #nosec G103 -- events outlive the call
	if n > 0 && errno == sys.OK {
		return int(n), nil
	}
	blocked, err := unix.EpollWait(b.epfd, events, int(patience.Milliseconds()))
	switch {
	case err == unix.EINTR:
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("epoll_wait: %w", err)
	case blocked == 0:
		return 0, fmt.Errorf("no answer on any of %d connections for %v", b.busy, patience)
	}
	return blocked, nil
}

// dial starts the lane's next connection, if any is left.
func (b *bareLoop) dial(at int) error {
	number := b.next.Add(1) - 1
	if number >= b.connections {
		b.busy--
		return nil
	}
	to := &b.targets[number%int64(len(b.targets))]
	fd, errno := sys.Open(to.Family(), b.kind)
	if errno != sys.OK {
		return fmt.Errorf("socket: %w", errno)
	}
	b.lanes[at] = lane{fd: fd}
	if errno := sys.Connect(fd, to); errno != sys.OK && errno != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", errno)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: int32(at)} // #nosec G115 -- a lane's number
	_, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(b.epfd), unix.EPOLL_CTL_ADD, uintptr(fd),
		uintptr(unsafe.Pointer(&event)), 0, 0) // #nosec G103 -- event outlives the call
	if errno != sys.OK {
		return fmt.Errorf("epoll_ctl: %w", errno)
	}
	return nil
}

func (b *bareLoop) ready(at int, events uint32) error {
	l := &b.lanes[at]
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		return fmt.Errorf("a connection failed: %w", sys.Error(l.fd))
	}
	if !l.connected {
		l.connected = true
		if errno := b.greet(l.fd); errno != sys.OK {
			return fmt.Errorf("write: %w", errno)
		}
	}
	if events&unix.EPOLLIN == 0 {
		return nil
	}
	if n, errno := sys.Read(l.fd, b.buffer[:]); n == 0 {
		return fmt.Errorf("a connection got no answer: read: %w", errno)
	}
	sys.Close(l.fd)
	return b.dial(at)
}

// greet does what a connection begins with.
func (b *bareLoop) greet(fd int) (errno syscall.Errno) {
	if b.udp {
		_, errno = sys.Write(fd, b.payload)
		return errno
	}
	sys.TCPInfo(fd)
	return sys.OK
}
