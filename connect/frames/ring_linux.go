package frames

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is one that this process and the kernel share (Documentation/networking/af_xdp.rst in the kernel's source): one of them produces,
// the other consumes. Both count without end, and entries are at the count modulo the ring's size.
type ring[Entry any] struct {
	memory             []byte
	producer, consumer *uint32
	flags              *uint32
	entries            []Entry
	mask               uint32
}

// mapRing maps a ring of so many entries, a power of two.
func mapRing[Entry any](fd int, offset int64, at *unix.XDPRingOffset, entries int) (r ring[Entry], err error) {
	var e Entry
	size := int(at.Desc) + entries*int(unsafe.Sizeof(e)) // #nosec G115 -- offsets are small
	if r.memory, err = unix.Mmap(fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return r, fmt.Errorf("mapping a ring of AF_XDP: %w", err)
	}
	word := func(at uint64) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[at])) } // #nosec G103 -- the kernel's layout
	r.producer, r.consumer, r.flags = word(at.Producer), word(at.Consumer), word(at.Flags)
	r.entries = unsafe.Slice((*Entry)(unsafe.Pointer(&r.memory[at.Desc])), entries) // #nosec G103 -- the kernel's layout
	r.mask = uint32(entries) - 1                                                    // #nosec G115 -- a ring's size
	return r, nil
}

func (r *ring[Entry]) unmap() {
	if r.memory != nil {
		_ = unix.Munmap(r.memory)
		r.memory = nil
	}
}

// filled is how many entries wait to be consumed.
func (r *ring[Entry]) filled() uint32 {
	return atomic.LoadUint32(r.producer) - atomic.LoadUint32(r.consumer)
}

// produced returns the entry that is so many behind the last one that the consumer has been told of.
func (r *ring[Entry]) produced(ahead uint32) *Entry {
	return &r.entries[(atomic.LoadUint32(r.producer)+ahead)&r.mask]
}

// tellProduced tells the consumer of n entries more.
func (r *ring[Entry]) tellProduced(n uint32) { atomic.AddUint32(r.producer, n) }

// next returns the entry that is so many behind the first one to be consumed.
func (r *ring[Entry]) next(ahead uint32) *Entry {
	return &r.entries[(atomic.LoadUint32(r.consumer)+ahead)&r.mask]
}

// tellConsumed gives n entries back to the producer.
func (r *ring[Entry]) tellConsumed(n uint32) { atomic.AddUint32(r.consumer, n) }

// wantsWakeup reports whether the kernel does not look at the ring by itself.
func (r *ring[Entry]) wantsWakeup() bool {
	return atomic.LoadUint32(r.flags)&unix.XDP_RING_NEED_WAKEUP != 0
}
