// Package arena makes arrays of many small records outside Go's heap. The garbage collector lets the heap grow to twice of what is in use
// there before it looks for garbage; what is outside of it takes just its own room.
package arena

import (
	"runtime"
	"unsafe"
)

// Arena is memory that is given back as a whole, once the arena is unreachable. So its user must keep it as long as anything made in it.
// What is made in an arena must have no pointers. The first bytes are of Go's heap: an arena that stays small costs nothing. The zero value
// is empty, and must not be copied once it is used.
type Arena struct {
	inHeap uintptr // bytes
	region []byte  // what is left of the last one
	owner  *owner  // of all regions
}

// owner is unreachable when its arena is. With a pointer in it, it does not share its memory with others, which may be reachable for longer.
type owner struct{ _ *byte }

const (
	mostInHeap = 1 << 20
	regionSize = 1 << 20
)

// New makes a zero T.
func New[T any](a *Arena) *T { return &Make[T](a, 1)[0] }

// Make makes n of them, more than none.
func Make[T any](a *Arena, n int) []T {
	var zero T
	size := uintptr(n) * max(unsafe.Sizeof(zero), 1)
	if a.inHeap+size <= mostInHeap {
		a.inHeap += size
		return make([]T, n)
	}
	room := a.take(size, unsafe.Alignof(zero))
	if room == nil {
		return make([]T, n)
	}
	return unsafe.Slice((*T)(room), n) // #nosec G103 -- room for n, aligned
}

// take returns room for so many bytes, nil if this system has none outside Go's heap.
func (a *Arena) take(size, align uintptr) unsafe.Pointer {
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(a.region))) & (align - 1) // #nosec G103 -- to align
	if uintptr(len(a.region)) < skip+size {
		if a.region, skip = allocate(int(max(size, regionSize))), 0; a.region == nil { // #nosec G115 -- of a slice
			return nil
		}
		if a.owner == nil {
			a.owner = new(owner)
		}
		runtime.AddCleanup(a.owner, free, a.region)
	}
	room := unsafe.Pointer(&a.region[skip]) // #nosec G103 -- there is room
	a.region = a.region[skip+size:]
	return room
}
