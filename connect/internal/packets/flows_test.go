package packets

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The table agrees with a map, whatever is added and removed, with hashes that collide, in their home and in their tag.
func TestFlows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	hash := func(id connID) uint64 { return uint64(id%29) | uint64(id%31)<<32 }
	f := flows{hash: hash}
	f.reserve(100) // no power of two, and too few
	in := map[connID]bool{}
	for range 20_000 {
		id := connID(r.Uint32N(600))
		if other := id + 29*31; in[id] && !in[other] && r.IntN(3) == 0 { // of the same hash
			f.rename(id, other, hash(id))
			delete(in, id)
			in[other] = true
		} else if in[id] {
			f.remove(id, hash(id))
			delete(in, id)
		} else {
			f.add(id, hash(id))
			in[id] = true
		}
		probe := connID(r.Uint32N(1500))
		found, ok := f.find(hash(probe), func(other connID) bool { return other == probe })
		assert.Equal(t, in[probe], ok)
		assert.True(t, !ok || found == probe)
		assert.Equal(t, len(in), f.count)
	}
	for id := range in {
		f.remove(id, hash(id))
	}
	for i := range f.buckets {
		assert.Zero(t, f.buckets[i], "nothing is left behind")
	}
}

// A search ends where connections have passed each of the buckets, which they may if these are few.
func TestFlowsThatHavePassedAll(t *testing.T) {
	t.Parallel()
	const others, home = 20, 1 << 31 // hashes of the second bucket begin at home
	hash := func(id connID) uint64 { return uint64(id/others) * home }
	f := flows{hash: hash}
	f.resize(2)
	for id := range connID(slotsPerBucket + 1) { // the last one passes the second bucket
		f.add(others+id, hash(others+id))
	}
	for id := range connID(slotsPerBucket) {
		f.remove(others+id, hash(others+id))
	}
	for id := range connID(slotsPerBucket) { // the last one passes the first bucket
		f.add(id, hash(id))
	}
	for _, bucket := range f.buckets {
		assert.Positive(t, bucket.passed)
	}
	for _, id := range []connID{19, 39} {
		_, ok := f.find(hash(id), func(other connID) bool { return other == id })
		assert.False(t, ok)
	}
	_, ok := f.find(hash(others+slotsPerBucket), func(other connID) bool { return other == others+slotsPerBucket })
	assert.True(t, ok)
}

// Nearly every connection that is looked at is the right one.
func TestFlowsAreFoundAtOnce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6)) // #nosec G404 -- repeatable
	hashes := make([]uint64, 100_000)
	f := flows{hash: func(id connID) uint64 { return hashes[id] }}
	for id := range hashes {
		hashes[id] = r.Uint64()
		f.add(connID(id), hashes[id]) // #nosec G115 -- few
	}
	looks := 0
	for id := range hashes {
		_, ok := f.find(hashes[id], func(other connID) bool {
			looks++
			return other == connID(id) // #nosec G115 -- few
		})
		assert.True(t, ok)
	}
	assert.Less(t, looks, len(hashes)*101/100)
}

// Entries come when it is time, no later than a tick after, and those beyond the horizon before.
func TestAlarms(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4)) // #nosec G404 -- repeatable
	var a alarms
	due := map[connID]int64{}
	ticks, far := map[connID]tick{}, map[connID]bool{}
	assert.EqualValues(t, never, a.next())
	now, id := int64(1e9), connID(0)
	for range 20_000 {
		if r.IntN(3) > 0 {
			due[id] = now + r.Int64N(2e9)
			ticks[id], far[id] = a.add(id, due[id]), due[id] > now+(horizon-2)*tickNs
			id++
		}
		assert.Equal(t, len(due) == 0, a.next() == never)
		now += r.Int64N(2e7)
		for {
			came, at, ok := a.pop(now)
			if !ok {
				break
			}
			assert.Equal(t, ticks[came], at)
			assert.True(t, due[came] <= now || far[came], "only those beyond the horizon come early")
			delete(due, came)
		}
		assert.Greater(t, a.next(), now)
		for _, at := range due {
			assert.Greater(t, at+tickNs, now)
		}
	}
}
