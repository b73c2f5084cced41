package arena

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

type record struct {
	a uint64
	b uint8
}

// What is made is zero, aligned, and belongs to nobody else, whether it is in Go's heap or not.
func TestArena(t *testing.T) {
	t.Parallel()
	a := &Arena{}
	var records []*record
	var bytes []*byte
	for i := range 100_000 { // 1.7 MB
		r, b := New[record](a), New[byte](a)
		require.Zero(t, *r)
		require.Zero(t, *b)
		require.Zero(t, uintptr(unsafe.Pointer(r))%unsafe.Alignof(record{}))
		*r, *b = record{uint64(i), byte(i)}, byte(i+1) // #nosec G115 -- some of the bits
		records, bytes = append(records, r), append(bytes, b)
	}
	large := Make[uint32](a, 1<<20)
	for i := range large {
		require.Zero(t, large[i])
		large[i] = 1
	}
	for i := range records {
		require.Equal(t, record{uint64(i), byte(i)}, *records[i]) // #nosec G115 -- some of the bits
		require.Equal(t, byte(i+1), *bytes[i])                    // #nosec G115 -- some of the bits
	}
	runtime.KeepAlive(a)
}
