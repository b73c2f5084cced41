package mesh

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerfd is an alarm by a timer of the kernel (timerfd_create(2)) that Go's poller watches like a socket.
//
// For one of Go's own timers, the runtime's monitor thread wakes too, and looks on every 20 µs as long as the ping takes: with many
// peers, that is a quarter of what the mesh costs.
type timerfd struct {
	file    *os.File
	raw     syscall.RawConn
	unwatch func() bool
}

// newAlarm makes do with Go's timers where descriptors have run out.
func newAlarm(ctx context.Context) alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return newTimer(ctx)
	}
	file := os.NewFile(uintptr(fd), "timerfd") // #nosec G115 -- a descriptor
	raw, err := file.SyscallConn()
	if err != nil || file.SetReadDeadline(time.Time{}) != nil { // the poller does not take it
		_ = file.Close()
		return newTimer(ctx)
	}
	return &timerfd{file, raw, context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })}
}

func (t *timerfd) wait(until time.Time) bool {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, time.Until(until).Nanoseconds()))} // 0 would disarm it
	armed := false
	return t.raw.Read(func(fd uintptr) bool {
		if armed {
			return rang(int(fd)) // #nosec G115 -- a descriptor
		}
		armed = true
		return unix.TimerfdSettime(int(fd), 0, &spec, nil) != nil // #nosec G115 -- a descriptor
	}) == nil
}

func rang(fd int) bool {
	var left unix.ItimerSpec
	return unix.TimerfdGettime(fd, &left) != nil || left == unix.ItimerSpec{}
}

func (t *timerfd) stop() {
	t.unwatch()
	_ = t.file.Close()
}
