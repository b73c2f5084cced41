package packets

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// line is a queue of a test: what arrives is put into it, and what is sent is counted.
type line struct {
	buffer  [2048]byte
	mu      sync.Mutex
	arrived [][]byte
	sent    int
}

func (l *line) Buffer() []byte     { return l.buffer[:] }
func (l *line) Flush()             {}
func (l *line) Pending() bool      { return false }
func (l *line) Descriptors() []int { return nil }

func (l *line) Commit(int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
}

func (l *line) Receive(take func([]byte)) int {
	l.mu.Lock()
	arrived := l.arrived
	l.arrived = nil
	l.mu.Unlock()
	for _, frame := range arrived {
		take(frame)
	}
	return len(arrived)
}

func (l *line) put(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived = append(l.arrived, frame)
}

// lines is a link of so many ends, each on a loop.
type lines struct {
	*link
	loops []*loop.Loop
}

func newLines(t *testing.T, n int) *lines {
	t.Helper()
	l := &lines{link: &link{}}
	for i := range n {
		l.ends = append(l.ends, newEnd(l.link, i, &line{}))
	}
	for _, e := range l.ends {
		on, err := loop.Start()
		require.NoError(t, err)
		l.loops = append(l.loops, on)
		await(on, func() { e.attach(on) })
	}
	t.Cleanup(func() {
		for i, on := range l.loops {
			await(on, l.ends[i].detach)
		}
		for _, on := range l.loops {
			on.Stop()
		}
	})
	return l
}

// sent is where segments have been sent, once all loops have handled what they had.
func (l *lines) sent() (where []int) {
	for range mostHops + 1 {
		for _, on := range l.loops {
			await(on, func() {})
		}
	}
	for _, e := range l.ends {
		q := e.queue.(*line) //nolint:forcetypeassert // made above
		q.mu.Lock()
		where = append(where, q.sent)
		q.mu.Unlock()
	}
	return where
}

var near, far = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")

// segmentTo is a segment of no connection, which is answered with a RST. It is no small one, so that few fill an inbox.
func segmentTo(port uint16) (frame []byte, t tuple) {
	frame = make([]byte, 2048)
	n := wire.PutTCP(frame, &wire.Path{}, far, near, &wire.TCP{SrcPort: 5001, DstPort: port, Flags: wire.ACK, Ack: 1, Payload: make([]byte, 1400)})
	return frame[:n], tupleOf(netip.AddrPortFrom(near, port), netip.AddrPortFrom(far, 5001))
}

// portOf returns a port whose 5-tuple is an end's.
func portOf(t *testing.T, owner, ends int) uint16 {
	t.Helper()
	for port := uint16(1024); port < 65535; port++ {
		if _, to := segmentTo(port); to.owner(ends) == owner {
			return port
		}
	}
	require.Fail(t, "no port is that end's")
	return 0
}

// Whatever end a segment arrives at, all that may have its connection look, and the last one of these answers that there is none, once.
func TestHandOn(t *testing.T) {
	t.Parallel()
	const ends = 3
	for owner := range ends {
		for at := range ends {
			for _, odd := range []bool{false, true} {
				l := newLines(t, ends)
				port := portOf(t, owner, ends)
				frame, _ := segmentTo(port)
				if odd {
					c := &call{filter: frames.Filter{Locals: []frames.Local{{Prefix: whole(near)}}, Ports: []source.Ports{{First: port, Last: port}}}}
					l.odd.add(c)
				}
				e := l.ends[at]
				e.queue.(*line).put(frame) //nolint:forcetypeassert // made above
				await(l.loops[at], func() { e.receive() })
				sent := l.sent()
				answers := 0
				for end, n := range sent {
					answers += n
					if n > 0 {
						assert.Contains(t, []int{owner, 0}, end)
					}
				}
				assert.Equal(t, 1, answers, "for end %d, at end %d, odd %v: %v", owner, at, odd, sent)
			}
		}
	}
}

// An end that wants to know what has arrived does not wait for loops that do not look: deadlines are judged after a pause of the process.
func TestSeenWhileOthersDoNotLook(t *testing.T) {
	t.Parallel()
	const ends = 3
	l := newLines(t, ends)
	busy, done := make(chan struct{}), make(chan struct{})
	for _, on := range l.loops[1:] {
		on.Do(func() {
			busy <- struct{}{}
			<-done
		})
		<-busy
	}
	defer close(done)
	frame, _ := segmentTo(portOf(t, 0, ends))
	for _, e := range l.ends[1:] {
		e.queue.(*line).put(frame) //nolint:forcetypeassert // made above
	}
	first := l.ends[0]
	await(l.loops[0], func() {
		own := loop.Now()
		assert.GreaterOrEqual(t, first.seen(own, true), own)
	})
	q := first.queue.(*line) //nolint:forcetypeassert // made above
	q.mu.Lock()
	defer q.mu.Unlock()
	assert.Equal(t, 2, q.sent, "a RST for each")
}

// An inbox takes no more than fits, and goes on once it has been opened.
func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	l := newLines(t, 2)
	frame, _ := segmentTo(portOf(t, 1, 2))
	first, second := l.ends[0], l.ends[1]
	busy, done := make(chan struct{}), make(chan struct{})
	l.loops[1].Do(func() {
		busy <- struct{}{}
		<-done
	})
	<-busy
	const each = 100
	fits := mostInInbox / (each * (handoverHeader + len(frame)))
	for range 2 * fits {
		for range each {
			first.queue.(*line).put(frame) //nolint:forcetypeassert // made above
		}
		await(l.loops[0], func() { first.receive() })
	}
	assert.LessOrEqual(t, second.inbox.bytes.Load(), int64(mostInInbox))
	close(done)
	assert.Equal(t, fits*each, sum(l.sent()))
	first.queue.(*line).put(frame) //nolint:forcetypeassert // made above
	await(l.loops[0], func() { first.receive() })
	assert.Equal(t, fits*each+1, sum(l.sent()))
}

func sum(all []int) (n int) {
	for _, one := range all {
		n += one
	}
	return n
}

// A job is spread over all ends if ports are left to choose; else one loop has it.
func TestSpread(t *testing.T) {
	t.Parallel()
	job := func(connections int64, concurrency int, keeps bool) *engine.Job {
		return engine.NewJob(engine.Plan{
			Targets: make([]engine.Target, 1), Connections: connections, Concurrency: concurrency, Keeps: keeps,
		}, &engine.Counters{}, 0)
	}
	all := []source.Ports{{First: 1024, Last: 65535}}
	four, two := &link{ends: make([]*end, 4)}, &link{ends: make([]*end, 2)}
	for name, row := range map[string]struct {
		job          *engine.Job
		chosen       []source.Ports
		links        []*link
		shares, ends int
	}{
		"many":                     {job(1e6, 100, false), all, []*link{four}, 4, 4},
		"one at a time":            {job(1e6, 1, false), all, []*link{four}, 1, 4},
		"over two like interfaces": {job(1e6, 100, false), all, []*link{four, four}, 4, 4},
		"over unlike ones":         {job(1e6, 100, false), all, []*link{four, two}, 1, 1},
		"over none":                {job(1e6, 100, false), all, nil, 1, 1},
		"named ports":              {job(1e6, 100, false), nil, []*link{four}, 1, 1},
		"kept, with ports enough":  {job(32_000, 100, true), all, []*link{four}, 4, 4},
		"kept, with few ports":     {job(33_000, 100, true), all, []*link{four}, 1, 1},
		"one, of a quarter":        {job(9000, 1, true), all, []*link{four}, 1, 1},
	} {
		c := newCall(row.job)
		c.chosen = row.chosen
		c.spread(row.links, engine.NewShares(row.job).Wanted())
		assert.Equal(t, []int{row.shares, row.ends}, []int{c.shares, c.ends}, name)
	}
}

// However many sources a call has, their number times that of the ports is no small one.
func TestSpreadOverManySources(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("fd99::/74")
	require.NoError(t, err)
	c := newCall(engine.NewJob(engine.Plan{
		Targets: make([]engine.Target, 1), Connections: 1e6, Concurrency: 100, Sources: source.Sequence{Pool: pool},
	}, &engine.Counters{}, 0))
	c.chosen = []source.Ports{{First: 1024, Last: 65535}}
	c.spread([]*link{{ends: make([]*end, 4)}}, 4)
	assert.Equal(t, 4, c.shares)
}

// Calls meet if they may want the same 5-tuple of a protocol.
func TestMeets(t *testing.T) {
	t.Parallel()
	of := func(local string, first, last uint16, remote string) *call {
		return &call{filter: frames.Filter{
			Locals:  []frames.Local{{Prefix: netip.MustParsePrefix(local)}},
			Ports:   []source.Ports{{First: first, Last: last}},
			Remotes: []netip.AddrPort{netip.MustParseAddrPort(remote)},
		}}
	}
	one := of("10.0.0.0/24", 1024, 2000, "10.0.1.1:5001")
	for name, row := range map[string]struct {
		other *call
		want  bool
	}{
		"the same":       {of("10.0.0.0/24", 1024, 2000, "10.0.1.1:5001"), true},
		"a part":         {of("10.0.0.7/32", 2000, 3000, "10.0.1.1:5001"), true},
		"other sources":  {of("10.0.2.0/24", 1024, 2000, "10.0.1.1:5001"), false},
		"other ports":    {of("10.0.0.0/24", 2001, 3000, "10.0.1.1:5001"), false},
		"another target": {of("10.0.0.0/24", 1024, 2000, "10.0.1.1:5002"), false},
	} {
		assert.Equal(t, row.want, one.meets(row.other), name)
		assert.Equal(t, row.want, row.other.meets(one), name)
	}
	datagrams := of("10.0.0.0/24", 1024, 2000, "10.0.1.1:5001")
	datagrams.datagram = true
	assert.False(t, one.meets(datagrams))
}
