package frames

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	frameSize     = 2048 // holds Ethernet's usual MTU, behind the headroom of XDP
	receiveFrames = 4096
	sendFrames    = 2048
	// skbBudget is how many frames one system call sends; 32 by default.
	skbBudget = 1024
	// binding is how long a queue may be busy after the socket that used it was closed. The kernel frees it in the background, under the lock of all network
	// configuration (rtnl), which takes seconds while many network namespaces come and go.
	binding = 10 * time.Second
)

// queue is an AF_XDP socket, for one receive queue of an interface. Its memory has frames for receiving, and behind them frames for sending.
type queue struct {
	fd       int
	memory   []byte
	fill     ring[uint64] // frames that the kernel may receive into
	done     ring[uint64] // frames that have been sent
	receives ring[unix.XDPDesc]
	sends    ring[unix.XDPDesc]

	free   []uint64 // frames to send, by address in memory
	queued uint32   // in sends, but not told
}

// openQueue makes a socket with all that belongs to it, and binds it.
func openQueue(index int, id uint32, flags uint16) (q *queue, err error) {
	q = &queue{fd: -1}
	for _, step := range []func() error{q.open, q.register, q.mapRings, func() error { return q.bind(index, id, flags) }} {
		if err := step(); err != nil {
			q.close()
			return nil, err
		}
	}
	return q, nil
}

func (q *queue) open() (err error) {
	if q.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("making a socket of AF_XDP: %w", err)
	}
	return nil
}

// register gives the kernel the memory that frames are in.
func (q *queue) register() (err error) {
	const size = (receiveFrames + sendFrames) * frameSize
	if q.memory, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return fmt.Errorf("getting %d MiB for frames: %w", size>>20, err)
	}
	memory := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(&q.memory[0]))), Len: size, Size: frameSize} // #nosec G103 -- for the kernel
	err = setOption(q.fd, unix.XDP_UMEM_REG, unsafe.Pointer(&memory), unsafe.Sizeof(memory))                   // #nosec G103 -- memory outlives the call
	if errors.Is(err, unix.ENOBUFS) {
		return fmt.Errorf("locking %d MiB for frames: %w; raise the limit (ulimit -l), or give the process CAP_IPC_LOCK", size>>20, err)
	}
	if err != nil {
		return fmt.Errorf("registering memory for frames: %w", err)
	}
	return nil
}

func (q *queue) mapRings() error {
	for option, entries := range map[int]int{
		unix.XDP_UMEM_FILL_RING: receiveFrames, unix.XDP_RX_RING: receiveFrames, unix.XDP_UMEM_COMPLETION_RING: sendFrames, unix.XDP_TX_RING: sendFrames,
	} {
		if err := unix.SetsockoptInt(q.fd, unix.SOL_XDP, option, entries); err != nil {
			return fmt.Errorf("making a ring of AF_XDP: %w", err)
		}
	}
	_ = unix.SetsockoptInt(q.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, skbBudget) // Linux 6.17 and later
	var at unix.XDPMmapOffsets
	size := uint32(unsafe.Sizeof(at))
	if _, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(q.fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS,
		uintptr(unsafe.Pointer(&at)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 { // #nosec G103 -- both outlive the call
		return fmt.Errorf("asking where the rings of AF_XDP are: %w", errno)
	}
	var errs [4]error
	q.fill, errs[0] = mapRing[uint64](q.fd, unix.XDP_UMEM_PGOFF_FILL_RING, &at.Fr, receiveFrames)
	q.done, errs[1] = mapRing[uint64](q.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, &at.Cr, sendFrames)
	q.receives, errs[2] = mapRing[unix.XDPDesc](q.fd, unix.XDP_PGOFF_RX_RING, &at.Rx, receiveFrames)
	q.sends, errs[3] = mapRing[unix.XDPDesc](q.fd, unix.XDP_PGOFF_TX_RING, &at.Tx, sendFrames)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	q.share()
	return nil
}

// share gives out the frames: the first ones to the kernel, the others to whoever sends.
func (q *queue) share() {
	for i := range uint32(receiveFrames) {
		*q.fill.produced(i) = uint64(i) * frameSize
	}
	q.fill.tellProduced(receiveFrames)
	q.free = make([]uint64, 0, sendFrames)
	for i := range uint64(sendFrames) {
		q.free = append(q.free, (receiveFrames+i)*frameSize)
	}
}

func (q *queue) bind(index int, id uint32, flags uint16) error {
	start := time.Now()
	for {
		err := unix.Bind(q.fd, &unix.SockaddrXDP{Flags: flags, Ifindex: uint32(index), QueueID: id}) // #nosec G115 -- an interface's index
		if !errors.Is(err, unix.EBUSY) || time.Since(start) > binding {
			return err //nolint:wrapcheck // by the caller, who looks for errors that mean something
		}
		time.Sleep(5 * time.Millisecond) // the kernel frees a queue some time after its socket was closed, and tells nobody
	}
}

func (q *queue) close() {
	if q.fd >= 0 {
		_ = unix.Close(q.fd)
	}
	q.fill.unmap()
	q.done.unmap()
	q.receives.unmap()
	q.sends.unmap()
	if q.memory != nil {
		_ = unix.Munmap(q.memory)
	}
}

// Buffer implements Queue.
func (q *queue) Buffer() []byte {
	if len(q.free) == 0 {
		q.Flush()
		if len(q.free) == 0 {
			return nil
		}
	}
	at := q.free[len(q.free)-1]
	return q.memory[at : at+frameSize : at+frameSize]
}

// Commit implements Queue.
func (q *queue) Commit(n int) {
	last := len(q.free) - 1
	*q.sends.produced(q.queued) = unix.XDPDesc{Addr: q.free[last], Len: uint32(n)} // #nosec G115 -- a frame's length
	q.free = q.free[:last]
	q.queued++
}

// Flush implements Queue. It tells the kernel what is queued, and takes back the frames that have left.
func (q *queue) Flush() {
	if q.queued > 0 {
		q.sends.tellProduced(q.queued)
		q.queued = 0
	}
	for range 1 + sendFrames/skbBudget { // a call sends so many at most
		if q.sends.filled() == 0 || !q.sends.wantsWakeup() {
			break
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(q.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
		q.reap()
		if errno != 0 && errno != unix.EAGAIN { // EBUSY, ENOBUFS: the interface's queue is full; the next flush tries again
			break
		}
	}
	q.reap()
}

func (q *queue) reap() {
	n := q.done.filled()
	for i := range n {
		q.free = append(q.free, *q.done.next(i))
	}
	q.done.tellConsumed(n)
}

// Pending implements Queue.
func (q *queue) Pending() bool { return q.queued > 0 || q.sends.filled() > 0 }

// receiveBatch is after how many frames the kernel gets them back: what they are answered with may bring new ones meanwhile.
const receiveBatch = 64

// Descriptors implements Queue.
func (q *queue) Descriptors() []int { return []int{q.fd} }

// Receive implements Queue. It gives the frames back to the kernel.
func (q *queue) Receive(take func(frame []byte)) (all int) {
	arrived := q.receives.filled()
	for left := arrived; left > 0; {
		n := min(left, receiveBatch)
		for i := range n {
			d := *q.receives.next(i)
			take(q.memory[d.Addr : d.Addr+uint64(d.Len)])
			*q.fill.produced(i) = d.Addr
		}
		q.fill.tellProduced(n)
		q.receives.tellConsumed(n)
		left -= n
	}
	if q.fill.wantsWakeup() {
		_, _, _ = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(q.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	}
	return int(arrived)
}

func (q *queue) lost() uint64 {
	var s unix.XDPStatistics
	size := uint32(unsafe.Sizeof(s))
	_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(q.fd), unix.SOL_XDP, unix.XDP_STATISTICS,
		uintptr(unsafe.Pointer(&s)), uintptr(unsafe.Pointer(&size)), 0) // #nosec G103 -- both outlive the call
	return s.Rx_dropped + s.Rx_ring_full // what the fill ring had no descriptor for is among the dropped
}

func setOption(fd, option int, value unsafe.Pointer, size uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option), uintptr(value), size, 0); errno != 0 { // #nosec G103 -- value outlives the call
		return errno
	}
	return nil
}
