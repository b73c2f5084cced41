package packets

import (
	"math"
	"math/bits"
	"runtime"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/arena"
)

// flows finds connections by the hash of their 5-tuple. It is a hash table with open addressing, in buckets of a cache line each. A connection
// whose bucket is full goes to the next one, and each bucket counts those that have passed it. A slot has the connection's id, and in the
// bits above it as much of the hash as there is room for, so that hardly any other connection is looked at. That takes 5 bytes a
// connection, and up to twice as much if their number was not known before.
type flows struct {
	buckets []bucket
	memory  *arena.Arena // of the buckets
	idBits  int          // bits of a slot that have id + 1
	count   int
	hash    func(id connID) uint64
}

const slotsPerBucket = 15

type bucket struct {
	slots  [slotsPerBucket]uint32 // 0 is free
	passed uint32                 // connections that have found no slot here
}

// find returns the connection with that hash for which is holds.
func (f *flows) find(hash uint64, is func(id connID) bool) (id connID, ok bool) {
	if f.count == 0 {
		return 0, false
	}
	tag := f.slot(hash, 0)
	at := f.home(hash)
	for range f.buckets { // some connection may have passed each of a few
		b := &f.buckets[at]
		for _, slot := range b.slots {
			if (slot^tag)>>f.idBits == 0 && slot != 0 {
				if id = f.idOf(slot); is(id) {
					return id, true
				}
			}
		}
		if b.passed == 0 {
			break
		}
		at = f.after(at)
	}
	return 0, false
}

// mostTaken of ofSlots may be taken: above, many buckets are full.
const mostTaken, ofSlots = 15, 16

// reserve makes room for so many connections, and no more.
func (f *flows) reserve(n int64) {
	f.resize(int(n*ofSlots/(slotsPerBucket*mostTaken)) + 1)
}

// add takes a connection whose 5-tuple is not there.
func (f *flows) add(id connID, hash uint64) {
	for f.count*ofSlots >= len(f.buckets)*slotsPerBucket*mostTaken || bits.Len32(uint32(id)+1) > f.idBits {
		f.resize(max(2*len(f.buckets), 1))
	}
	f.put(id, hash)
	f.count++
}

func (f *flows) put(id connID, hash uint64) {
	for at := f.home(hash); ; at = f.after(at) {
		b := &f.buckets[at]
		for i, slot := range b.slots {
			if slot == 0 {
				b.slots[i] = f.slot(hash, id+1)
				return
			}
		}
		b.passed++
	}
}

func (f *flows) resize(count int) {
	before := *f
	f.memory = new(arena.Arena)
	f.buckets = arena.Make[bucket](f.memory, count)
	f.idBits = bits.Len(uint(len(f.buckets)*slotsPerBucket)) + 1 // for those that linger
	for i := range before.buckets {
		for _, slot := range before.buckets[i].slots {
			if slot != 0 {
				id := before.idOf(slot)
				f.put(id, f.hash(id))
			}
		}
	}
	runtime.KeepAlive(before.memory)
}

// each calls do for every connection.
func (f *flows) each(do func(id connID)) {
	for i := range f.buckets {
		for _, slot := range f.buckets[i].slots {
			if slot != 0 {
				do(f.idOf(slot))
			}
		}
	}
}

// remove takes a connection out, which must be there.
func (f *flows) remove(id connID, hash uint64) {
	f.count--
	*f.slotOf(id, hash, func(b *bucket) { b.passed-- }) = 0
}

// rename gives a connection, which must be there, another id.
func (f *flows) rename(id, other connID, hash uint64) {
	if bits.Len32(uint32(other)+1) > f.idBits {
		f.remove(id, hash)
		f.add(other, hash)
		return
	}
	*f.slotOf(id, hash, func(*bucket) {}) = f.slot(hash, other+1)
}

// slotOf returns the slot of a connection, which must be there, and the buckets that it has passed.
func (f *flows) slotOf(id connID, hash uint64, passed func(*bucket)) *uint32 {
	wanted := f.slot(hash, id+1)
	for at := f.home(hash); ; at = f.after(at) {
		b := &f.buckets[at]
		for i := range b.slots {
			if b.slots[i] == wanted {
				return &b.slots[i]
			}
		}
		passed(b)
	}
}

func (f *flows) slot(hash uint64, id connID) uint32 { return uint32(hash>>32)<<f.idBits | uint32(id) } // #nosec G115 -- some of the bits
func (f *flows) idOf(slot uint32) connID            { return connID(slot&(1<<f.idBits-1) - 1) }

// home is the bucket where the search begins, by a multiplication that takes the place of a division.
func (f *flows) home(hash uint64) uint32 {
	return uint32(hash & math.MaxUint32 * uint64(len(f.buckets)) >> 32) // #nosec G115 -- a bucket's index
}

func (f *flows) after(at uint32) uint32 {
	if at++; int(at) < len(f.buckets) {
		return at
	}
	return 0
}
