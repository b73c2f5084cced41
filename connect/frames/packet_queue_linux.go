package frames

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// packetFramesToSend is what one system call may send.
const packetFramesToSend = 1024

// packetQueue has the frames that wait to be sent. The kernel copies them: it would let go of those of a ring of its own while the other end of a virtual link
// still reads them.
type packetQueue struct {
	fd       int
	memory   []byte
	vectors  []unix.Iovec
	messages []packetMessage
	first    int
	queued   int // from the first, and on from the beginning behind the last
}

// packetMessage is the kernel's struct mmsghdr.
type packetMessage struct {
	header unix.Msghdr
	_      uint32 // bytes sent
}

func (q *packetQueue) open(fd int) {
	*q = packetQueue{
		fd: fd, memory: make([]byte, packetFramesToSend*frameSize),
		vectors: make([]unix.Iovec, packetFramesToSend), messages: make([]packetMessage, packetFramesToSend),
	}
	for i := range q.messages {
		q.vectors[i].Base = &q.memory[i*frameSize]
		q.messages[i].header.Iov = &q.vectors[i]
		q.messages[i].header.SetIovlen(1)
	}
}

// free is the first frame behind those that are queued.
func (q *packetQueue) free() int { return (q.first + q.queued) % packetFramesToSend }

// buffer returns the frame that commit takes.
func (q *packetQueue) buffer() []byte {
	if q.queued == packetFramesToSend {
		q.flush()
		if q.queued == packetFramesToSend {
			return nil
		}
	}
	at := q.free() * frameSize
	return q.memory[at : at+frameSize : at+frameSize]
}

func (q *packetQueue) commit(n int) {
	q.vectors[q.free()].SetLen(n)
	q.queued++
}

// flush sends what is queued, until the interface takes no more. A frame that the kernel does not take for another reason is lost, as on the wire.
func (q *packetQueue) flush() {
	for q.queued > 0 {
		n := min(q.queued, packetFramesToSend-q.first)
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(q.fd), uintptr(unsafe.Pointer(&q.messages[q.first])), // #nosec G103 -- outlives the call
			uintptr(n), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
		case unix.EAGAIN, unix.ENOBUFS, unix.EINTR:
			return
		default:
			sent = 1
		}
		q.first = (q.first + int(sent)) % packetFramesToSend
		q.queued -= int(sent)
	}
	q.first = 0 // whose memory is in the processor's caches
}
