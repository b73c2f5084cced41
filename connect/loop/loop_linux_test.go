package loop_test

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handler is made of functions.
type handler struct {
	ready func(key uint32, events loop.Events)
	tick  func(now int64) int64
}

func (h *handler) Ready(key uint32, events loop.Events) { h.ready(key, events) }
func (h *handler) Tick(now int64) int64                 { return h.tick(now) }

func start(t *testing.T) *loop.Loop {
	t.Helper()
	l, err := loop.Start()
	require.NoError(t, err)
	t.Cleanup(l.Stop)
	return l
}

func TestLoopDoes(t *testing.T) {
	t.Parallel()
	l, err := loop.Start()
	require.NoError(t, err)
	const n = 1000
	var done sync.WaitGroup
	done.Add(n)
	count := 0 // the loop's goroutine alone touches it
	for range n {
		go l.Do(func() { count++; done.Done() })
	}
	done.Wait()
	last := 0
	l.Do(func() { last = count })
	l.Stop()
	assert.Equal(t, n, last, "a task that was taken before Stop still runs")
	assert.False(t, l.Do(func() {}))
}

func TestLoopHandsOutEvents(t *testing.T) {
	t.Parallel()
	l := start(t)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	defer writer.Close()
	type event struct {
		key    uint32
		events loop.Events
	}
	events := make(chan event, 10)
	ticks := make(chan int64, 10)
	h := &handler{
		ready: func(key uint32, e loop.Events) { events <- event{key, e} },
		tick:  func(now int64) int64 { ticks <- now; return loop.Never },
	}
	l.Do(func() { assert.NoError(t, l.Attach(h).Add(int(reader.Fd()), 0xfffffff0, loop.Readable|loop.Edge)) })
	first := <-ticks
	_, err = writer.WriteString("x")
	require.NoError(t, err)
	assert.Equal(t, event{0xfffffff0, loop.Readable}, <-events)
	assert.Greater(t, <-ticks, first, "events make a handler tick")
}

func TestLoopWakesHandlersInOrder(t *testing.T) {
	t.Parallel()
	l := start(t)
	const n = 50
	woken := make(chan int, n)
	base := loop.Now() + int64(30*time.Millisecond)
	l.Do(func() {
		for i := range n {
			at := base + int64((n-i))*int64(100*time.Microsecond)
			l.Attach(&handler{tick: func(now int64) int64 {
				if now < at {
					return at
				}
				woken <- i
				return loop.Never
			}})
		}
	})
	for want := n - 1; want >= 0; want-- {
		assert.Equal(t, want, <-woken)
	}
	assert.GreaterOrEqual(t, loop.Now(), base+n*int64(100*time.Microsecond), "none was woken too soon")
}

func TestLoopForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	l := start(t)
	left := make(chan struct{})
	l.Do(func() {
		var a *loop.Attachment
		ticks := 0
		a = l.Attach(&handler{tick: func(now int64) int64 {
			ticks++
			assert.Equal(t, 1, ticks, "a handler that has left is not called again")
			a.Detach()
			close(left)
			return now // which would be at once
		}})
		a.Wake() // twice in a turn is once
	})
	<-left
	again := make(chan struct{})
	l.Do(func() { l.Attach(&handler{tick: func(int64) int64 { close(again); return loop.Never }}) })
	<-again
}

// TestLoopDropsEventsOfClosedDescriptors does what a fork does: another descriptor keeps the closed one's file open, and
// with it its place in the epoll set.
func TestLoopDropsEventsOfClosedDescriptors(t *testing.T) {
	t.Parallel()
	l := start(t)
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	reader, writer := fds[0], fds[1]
	copied, err := unix.Dup(reader)
	require.NoError(t, err)
	defer unix.Close(copied)
	defer unix.Close(writer)

	keys := make(chan uint32, 100)
	h := &handler{ready: func(key uint32, _ loop.Events) { keys <- key }, tick: func(int64) int64 { return loop.Never }}
	closed := make(chan int)
	var a *loop.Attachment
	l.Do(func() {
		a = l.Attach(h)
		assert.NoError(t, a.Add(reader, 1, loop.Readable|loop.Edge))
		a.Close(reader)
		closed <- reader
	})
	<-closed
	_, err = unix.Write(writer, []byte("x")) // an event of the closed descriptor
	require.NoError(t, err)

	// The next descriptor may have the same number, and gets its own events only.
	second, secondWriter, err := os.Pipe()
	require.NoError(t, err)
	defer second.Close()
	defer secondWriter.Close()
	l.Do(func() { assert.NoError(t, a.Add(int(second.Fd()), 2, loop.Readable|loop.Edge)) })
	_, err = secondWriter.WriteString("y")
	require.NoError(t, err)
	assert.EqualValues(t, 2, <-keys)
	assert.Empty(t, keys)
}

func TestTimeIsTheClocks(t *testing.T) {
	t.Parallel()
	assert.WithinDuration(t, time.Now(), loop.Time(loop.Now()), time.Minute)
}

// While more events wait than one turn takes, and ever new ones come, Seen tells up to when all have been handed out.
func TestLoopTellsWhatItHasSeen(t *testing.T) {
	t.Parallel()
	l := start(t)
	const descriptors = 200
	handed := map[uint32]bool{}
	seenAll := make(chan int)
	l.Do(func() {
		var a *loop.Attachment
		var readyAt int64
		h := &handler{ready: func(key uint32, _ loop.Events) { handed[key] = true }}
		h.tick = func(now int64) int64 {
			assert.LessOrEqual(t, a.Seen(), now)
			if a.Seen() < readyAt {
				return now
			}
			seenAll <- len(handed)
			a.Detach()
			return loop.Never
		}
		a = l.Attach(h)
		fds := make([]int, descriptors)
		for i := range fds {
			fd, err := unix.Eventfd(1, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
			assert.NoError(t, err)
			assert.NoError(t, a.Add(fd, uint32(i), loop.Readable)) // nobody reads it, so it stays ready
			fds[i] = fd
		}
		readyAt = loop.Now()
		t.Cleanup(func() {
			for _, fd := range fds {
				assert.NoError(t, unix.Close(fd))
			}
		})
	})
	assert.Equal(t, descriptors, <-seenAll)
}
