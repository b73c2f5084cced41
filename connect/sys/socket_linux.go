package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Every call here returns at once on a non-blocking descriptor, so it goes past the Go scheduler (RawSyscall): telling
// it costs about as much as the cheaper ones of these calls themselves.

// OK is the error number of a call that succeeded.
const OK = syscall.Errno(0)

// Open makes a non-blocking socket, closed on exec; kind is SOCK_STREAM or SOCK_DGRAM (socket(2)).
func Open(family, kind int) (int, syscall.Errno) {
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), uintptr(kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC), 0)
	return int(fd), errno
}

// Connect begins a connect; EINPROGRESS is the usual answer of a stream socket (connect(2)).
func Connect(fd int, to *Addr) syscall.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(to.pointer()), uintptr(to.length))
	return errno
}

// Bind gives the socket its source address (bind(2)).
func Bind(fd int, from *Addr) syscall.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(from.pointer()), uintptr(from.length))
	return errno
}

// Accept takes a connection from the backlog, non-blocking and closed on exec (accept4(2)).
func Accept(fd int) (int, syscall.Errno) {
	conn, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(conn), errno
}

// Read reads what has arrived; 0 bytes without an error is the end of a stream (recv(2), which has less to do than read(2)).
func Read(fd int, p []byte) (int, syscall.Errno) {
	return transfer(unix.SYS_RECVFROM, fd, p, 0)
}

// Write writes as much as the send buffer takes (send(2)).
func Write(fd int, p []byte) (int, syscall.Errno) {
	return transfer(unix.SYS_SENDTO, fd, p, unix.MSG_NOSIGNAL)
}

func transfer(call uintptr, fd int, p []byte, flags uintptr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0) // #nosec G103 -- p outlives the call
	if errno != OK {
		return 0, errno
	}
	return int(n), OK
}

// Close closes a descriptor that no event loop watches (close(2)).
func Close(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// SetInt sets an integer socket option (setsockopt(2)).
func SetInt(fd, level, option, value int) syscall.Errno {
	v := int32(value)                                                                                                                                    // #nosec G115 -- socket options are 32 bits wide
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0) // #nosec G103 -- v outlives the call
	return errno
}

// ResetOnClose makes Close send a RST and leave no TIME_WAIT behind (SO_LINGER with zero seconds, socket(7)).
func ResetOnClose(fd int) syscall.Errno {
	linger := unix.Linger{Onoff: 1}
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&linger)), unsafe.Sizeof(linger), 0) // #nosec G103 -- linger outlives the call
	return errno
}

// Error fetches and clears the socket's pending error (SO_ERROR, socket(7)).
func Error(fd int) syscall.Errno {
	var v int32
	size := uint32(unsafe.Sizeof(v))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR, uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0) // #nosec G103 -- v and size outlive the call
	if errno != OK {
		return errno
	}
	return syscall.Errno(v) // #nosec G115 -- an error number is positive
}

// Info is the part of the kernel's view of a TCP connection that is used here.
type Info struct {
	RTT         uint32 // smoothed round-trip time in µs; right after the handshake: that of SYN and SYN-ACK
	Retransmits uint32 // segments sent again since the socket was made; before any data: SYNs
}

// TCPInfo reads the kernel's view of a TCP connection (TCP_INFO, tcp(7)). Info is zero where the kernel has none.
func TCPInfo(fd int) Info {
	var v unix.TCPInfo
	// Up to the last field that is used: the rest costs the kernel time to fill in.
	size := uint32(unsafe.Offsetof(v.Total_retrans) + unsafe.Sizeof(v.Total_retrans))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO, uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0) // #nosec G103 -- v and size outlive the call
	if errno != OK {
		return Info{}
	}
	return Info{RTT: v.Rtt, Retransmits: v.Total_retrans}
}
