package packets

import "math/bits"

// flows finds connections by the hash of their 5-tuple. It is a hash table of buckets, a cache line each, in which nothing moves: a
// connection that finds its bucket full goes to the next one, and those that it has passed count it. A slot has a connection's id, and in
// the bits above as much of the hash as there is room for, so that connections are hardly ever looked at in vain. That takes 5 to 11 bytes
// for each.
type flows struct {
	buckets []bucket
	idBits  int // of a slot, for id + 1
	count   int
	hash    func(id uint32) uint64
}

const slotsPerBucket = 15

type bucket struct {
	slots  [slotsPerBucket]uint32 // 0 is free
	passed uint32                 // connections that have found no slot here
}

// find returns the connection with that hash for which is holds.
func (f *flows) find(hash uint64, is func(id uint32) bool) (id uint32, ok bool) {
	if f.count == 0 {
		return 0, false
	}
	tag := f.slot(hash, 0)
	for at := f.home(hash); ; at = f.after(at) {
		b := &f.buckets[at]
		for _, slot := range b.slots {
			if (slot^tag)>>f.idBits == 0 && slot != 0 {
				if id = f.idOf(slot); is(id) {
					return id, true
				}
			}
		}
		if b.passed == 0 {
			return 0, false
		}
	}
}

// add takes a connection whose 5-tuple is not there.
func (f *flows) add(id uint32, hash uint64) {
	const most, of = 13, 16 // of the slots may be taken: above, many buckets are full
	for f.count*of >= len(f.buckets)*slotsPerBucket*most || bits.Len32(id+1) > f.idBits {
		f.grow()
	}
	f.put(id, hash)
	f.count++
}

func (f *flows) put(id uint32, hash uint64) {
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

func (f *flows) grow() {
	before := *f
	f.buckets = make([]bucket, max(2*len(before.buckets), 1))
	f.idBits = bits.Len(uint(len(f.buckets) * slotsPerBucket))
	for i := range before.buckets {
		for _, slot := range before.buckets[i].slots {
			if slot != 0 {
				id := before.idOf(slot)
				f.put(id, f.hash(id))
			}
		}
	}
}

// remove takes a connection out, which must be there.
func (f *flows) remove(id uint32, hash uint64) {
	f.count--
	wanted := f.slot(hash, id+1)
	for at := f.home(hash); ; at = f.after(at) {
		b := &f.buckets[at]
		for i, slot := range b.slots {
			if slot == wanted {
				b.slots[i] = 0
				return
			}
		}
		b.passed--
	}
}

func (f *flows) slot(hash uint64, id uint32) uint32 { return uint32(hash>>32)<<f.idBits | id } // #nosec G115 -- some of the bits
func (f *flows) idOf(slot uint32) uint32            { return slot&(1<<f.idBits-1) - 1 }
func (f *flows) home(hash uint64) uint32            { return uint32(hash) & f.mask() }    // #nosec G115 -- some of the bits
func (f *flows) mask() uint32                       { return uint32(len(f.buckets)) - 1 } // #nosec G115 -- fewer than 2^32
func (f *flows) after(at uint32) uint32             { return (at + 1) & f.mask() }
