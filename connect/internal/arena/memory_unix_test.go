//go:build unix

package arena

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Regions are given back once their arena is unreachable: else a call's memory would stay with the process.
func TestFreed(t *testing.T) {
	t.Parallel()
	a := &Arena{}
	region := Make[byte](a, 1<<28) // others may take a part of it afterwards, but hardly all
	isMapped := func() bool { return unix.Madvise(region, unix.MADV_NORMAL) == nil }
	runtime.GC()
	require.True(t, isMapped())
	runtime.KeepAlive(a)
	for range 1000 {
		if runtime.GC(); !isMapped() {
			return
		}
		runtime.Gosched() // to the cleanup
	}
	t.Fatal("the region stays")
}
