package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// trafficFloor is what the kernel allows: bare epoll loops that send a packet on each connection as soon as the last one has come back,
// and neither time nor check anything.
func trafficFloor(_ context.Context, task traffic) (echoed, error) {
	start := time.Now()
	end := start.Add(task.duration())
	loops := make([]*bareEcho, min(runtime.GOMAXPROCS(0), mostLoops))
	errs := make([]error, len(loops))
	var running sync.WaitGroup
	left := task.Connections
	for i := range loops {
		share := left / (len(loops) - i)
		left -= share
		loops[i] = &bareEcho{packet: make([]byte, task.PacketSize)}
		running.Go(func() { errs[i] = loops[i].run(task, share, end) })
	}
	running.Wait()
	var e echoed
	for i, err := range errs {
		if err != nil {
			return echoed{}, err
		}
		e.Received += loops[i].received
	}
	e.PerSecond = float64(e.Received) / time.Since(start).Seconds()
	return e, nil
}

// bareEcho is one loop.
type bareEcho struct {
	bareLoop
	flows    []bareFlow
	packet   []byte
	received int64
}

type bareFlow struct {
	fd          int
	established bool
	missing     int // bytes of the echo
}

func (b *bareEcho) run(task traffic, connections int, end time.Time) (err error) {
	if b.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	defer b.close()
	to := sys.NewAddr(task.Target)
	for range connections {
		if err := b.dial(&to); err != nil {
			return err
		}
	}
	var events [32]unix.EpollEvent
	for time.Now().Before(end) {
		n, err := b.wait(events[:])
		if err != nil {
			return err
		}
		for i := range events[:n] {
			if err := b.turn(&b.flows[events[i].Fd]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bareEcho) dial(to *sys.Addr) error {
	fd, errno := sys.Open(to.Family(), unix.SOCK_STREAM)
	if errno != sys.OK {
		return fmt.Errorf("socket: %w", errno)
	}
	at := len(b.flows)
	b.flows = append(b.flows, bareFlow{fd: fd})
	if errno := sys.Connect(fd, to); errno != sys.OK && errno != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", errno)
	}
	_ = sys.SetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: int32(at)} // #nosec G115 -- a flow's number
	if err := unix.EpollCtl(b.epfd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (b *bareEcho) close() {
	for i := range b.flows {
		_ = unix.SetsockoptLinger(b.flows[i].fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		sys.Close(b.flows[i].fd)
	}
	sys.Close(b.epfd)
}

// turn reads an echo, and sends the next packet once all of it is there. The first event of a flow tells that it is established.
func (b *bareEcho) turn(f *bareFlow) error {
	if f.established {
		n, errno := sys.Read(f.fd, b.packet)
		switch {
		case errno == unix.EAGAIN:
			return nil
		case errno != sys.OK:
			return fmt.Errorf("recv: %w", errno)
		case n == 0:
			return errors.New("recv: the server has closed")
		}
		if f.missing -= n; f.missing > 0 {
			return nil
		}
		b.received++
	}
	f.established, f.missing = true, len(b.packet)
	n, errno := sys.Write(f.fd, b.packet)
	switch {
	case errno != sys.OK:
		return fmt.Errorf("send: %w", errno)
	case n < len(b.packet):
		return fmt.Errorf("send: the kernel took %d of %d bytes", n, len(b.packet))
	}
	return nil
}
