package frames

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// scripted is a device that is told how many frames each look finds.
type scripted struct {
	Device
	fd      int
	looks   []int
	found   int
	changes int // times that its descriptor was watched, or no longer
}

func (s *scripted) Descriptors() []int {
	s.changes++
	return []int{s.fd}
}

func (s *scripted) Receive(func([]byte)) (n int) {
	var count [8]byte
	_, _ = unix.Read(s.fd, count[:])
	if len(s.looks) > 0 {
		n, s.looks = s.looks[0], s.looks[1:]
	}
	s.found += n
	return n
}

// watcher is a handler that does nothing else.
type watcher struct{ *Watch }

func (w watcher) Ready(uint32, loop.Events) { w.Watch.Ready() }
func (w watcher) Tick(int64) int64          { return loop.Never }

// Few frames are waited for; once they flood in, more are looked for without being told of, until there is a lull.
func TestWatch(t *testing.T) {
	t.Parallel()
	l, err := loop.Start()
	require.NoError(t, err)
	defer l.Stop()
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	d := &scripted{fd: fd}
	on := func(task func()) {
		done := make(chan struct{})
		require.True(t, l.Do(func() { task(); close(done) }))
		<-done
	}
	var w watcher
	on(func() {
		a := l.Attach(&w)
		w.Watch = NewWatch(d, a, func() int { return d.Receive(nil) })
	})
	defer on(func() {
		w.Close()
		w.attached.Detach()
	})
	for _, row := range []struct {
		name                  string
		looks                 []int
		found, told, switches int // told is how often somebody tells of frames
	}{
		{"few", []int{many - 1}, many - 1, 1, 0},
		{"few, again and again", []int{1, 1, 1}, 3, 3, 0},
		{"a flood, of which nobody tells any more", []int{many, 1, 1, 1}, many + 3, 1, 2},
		{"the next flood", []int{many, many, 1}, 2*many + 1, 1, 2},
		{"few, after a flood", []int{2}, 2, 1, 0},
	} {
		before := 0
		on(func() { d.looks, d.found, before = row.looks, 0, d.changes })
		for told := range row.told {
			_, err := unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
			require.NoError(t, err)
			assert.Eventually(t, func() (taken bool) {
				on(func() { taken = len(d.looks) <= len(row.looks)-told-1 })
				return taken
			}, 10*time.Second, time.Millisecond, row.name)
		}
		assert.Eventually(t, func() (over bool) {
			on(func() { over = len(d.looks) == 0 && !w.looking })
			return over
		}, 10*time.Second, time.Millisecond, row.name)
		on(func() {
			assert.Equal(t, row.found, d.found, row.name)
			assert.Equal(t, row.switches, d.changes-before, row.name)
		})
	}
}
