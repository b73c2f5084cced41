package loop

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollControl is epoll_ctl(2) past the Go scheduler: it never blocks.
func epollControl(epfd, op, fd int, event *unix.EpollEvent) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(event)), 0, 0) // #nosec G103 -- event outlives the call
	return errno
}

// controlError says what to do where the system's words mislead.
func controlError(errno syscall.Errno) error {
	if errno == unix.ENOSPC {
		return fmt.Errorf("epoll_ctl: %w: all processes of this user together watch as many descriptors as they may: "+
			"raise the limit (sysctl -w fs.epoll.max_user_watches=N), or lower the connections", errno)
	}
	return fmt.Errorf("epoll_ctl: %w", errno)
}

// epollPoll is epoll_pwait(2) with no time to wait, so that it never blocks; it too goes past the Go scheduler.
func epollPoll(epfd int, events []unix.EpollEvent) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0) // #nosec G103 -- events outlive the call
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// closeDescriptor is close(2) past the Go scheduler: it does not block on a non-blocking socket.
func closeDescriptor(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

func errnoOrNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
