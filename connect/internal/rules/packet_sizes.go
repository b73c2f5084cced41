package rules

import "math"

// SizeCount is what has become of the packets of one size.
type SizeCount struct {
	Size     int   `json:"size"` // bytes
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

func newSizeCounts(sizes []int) []SizeCount {
	counts := make([]SizeCount, len(sizes))
	for i, size := range sizes {
		counts[i].Size = size
	}
	return counts
}

// sizeFate is what has become of a session's packets of one size.
type sizeFate struct {
	SizeCount
	unheard int64 // sent since one came back
}

// sizeFates are those of all sizes, in the order of their turns.
type sizeFates []sizeFate

func newSizeFates(sizes []int) sizeFates {
	fates := make(sizeFates, len(sizes))
	for i, size := range sizes {
		fates[i].Size = size
	}
	return fates
}

// reset forgets what has become of packets.
func (f sizeFates) reset() {
	for i := range f {
		f[i] = sizeFate{SizeCount: SizeCount{Size: f[i].Size}}
	}
}

func (f sizeFates) sent(size int) {
	f[size].Sent++
	f[size].unheard++
}

func (f sizeFates) received(size int) {
	f[size].Received++
	f[size].unheard = 0
}

// stuckAt finds the smallest size of packets that are sent in vain though smaller ones come back. worked is set if packets of that size had come
// back before. Of datagrams some get lost by chance, so it takes several in a row; over a stream all sizes end together, so that only one that
// never came back tells.
func (f sizeFates) stuckAt(datagram bool) (stuck, passed int, worked bool) {
	const inVain, few = 8, 4
	longest := int64(0)
	for _, n := range f {
		if n.Received > 0 && (!datagram || n.unheard < few) {
			passed = max(passed, n.Size)
		}
		longest = max(longest, n.unheard)
	}
	stuck = math.MaxInt
	for _, n := range f {
		if n.Size > passed && n.Size < stuck && (n.unheard >= few && longest >= inVain || !datagram && n.Sent > 0) {
			stuck, worked = n.Size, n.Received > 0
		}
	}
	if passed == 0 || stuck == math.MaxInt {
		return 0, 0, false
	}
	return stuck, passed, worked
}
