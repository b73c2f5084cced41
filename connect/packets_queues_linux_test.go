package connect_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Calls that run on all loops, calls that run on one, and calls whose ports are named share an interface with several queues: whatever loop a
// frame comes to, it gets to its connection.
func TestCallsShareQueues(t *testing.T) {
	t.Parallel()
	w := newWiredWith(t, 4)
	w.way = frames.XDP
	w.serve(t)
	var e connect.Engine
	at := func(target string, change func(*connect.Plan)) connect.Plan {
		p := connect.Plan{KernelBypass: true, Frames: w.way, Targets: targetsOf(target), Timeout: time.Minute}
		change(&p)
		return p
	}
	floods := map[string]connect.Plan{
		"on all loops": at("10.99.0.2:5001", func(p *connect.Plan) { p.Connections = 3000 }),
		"on one":       at("10.99.0.2:5001", func(p *connect.Plan) { p.Connections, p.Concurrency = 500, 1 }),
		"over IPv6":    at("[fd99::2]:5001", func(p *connect.Plan) { p.Connections = 1000 }),
		"over UDP":     at("10.99.0.2:5001", func(p *connect.Plan) { p.Network, p.Connections, p.Concurrency = "udp", 2000, 20 }), // few, as nobody sends a lost one again
		"from named ports": at("10.99.0.2:5001", func(p *connect.Plan) {
			p.Connections, p.Concurrency = 2000, 100
			p.Sources = sourcesOf(t, "10.99.6.0/28", source.Ports{First: 3000, Last: 3199})
		}),
		"from all ports of a source": at("10.99.0.2:5001", func(p *connect.Plan) {
			p.Connections, p.Sources = 2000, sourcesOf(t, "10.99.5.1", source.Ports{})
		}),
	}
	hold := at(w.echo(t), func(p *connect.Plan) {
		p.Connections, p.Payload, p.Sources = 2000, []byte("still there?"), sourcesOf(t, "10.99.7.0/24", source.Ports{})
	})
	echoed := firstEcho{seen: make(chan struct{})}
	hold.Observer = &echoed
	require.NoError(t, w.in(w.client, func() error {
		held, err := e.Hold(context.Background(), connect.HoldPlan{Plan: hold, Keepalive: 300 * time.Millisecond, KeepaliveTimeout: time.Minute})
		if err != nil {
			return err
		}
		<-held.Settled()
		var calls sync.WaitGroup
		for name, plan := range floods {
			calls.Go(func() {
				r := new(connect.FloodResult)
				assert.NoError(t, w.in(w.client, func() (err error) {
					r, err = e.Flood(context.Background(), connect.FloodPlan{Plan: plan})
					return err
				}), name)
				assert.Equal(t, connect.Hosts{"web-1": plan.Connections}, r.Hosts, "%s: %v", name, r.First)
			})
		}
		calls.Wait()
		<-echoed.seen
		assert.Equal(t, hold.Connections, held.States().Established)
		r := held.Close()
		assert.Equal(t, hold.Connections, r.States.Completed, "%v", r.First)
		assert.Positive(t, r.EchoTime.Count)
		return nil
	}))
	assert.Zero(t, e.Total.States().Dialing)
	assert.Zero(t, e.Total.States().Established)
}

// firstEcho is closed when a keepalive has been answered.
type firstEcho struct {
	once sync.Once
	seen chan struct{}
}

func (f *firstEcho) Outcomes(batch []connect.Outcome) {
	for i := range batch {
		if batch[i].Event == connect.Echoed {
			f.once.Do(func() { close(f.seen) })
		}
	}
}
func (*firstEcho) Second()                {}
func (*firstEcho) Monitor(connect.States) {}

// A process that is stopped for a while takes nothing for late that came in time, at whichever queue.
func TestPausedPackets(t *testing.T) {
	for _, queues := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d queues", queues), func(t *testing.T) {
			w := newWiredWith(t, queues)
			connect.PausePackets(t, "10.99.0.2:0",
				func(f func() error) error { return w.in(w.server, f) },
				func(f func() error) error { return w.in(w.client, f) })
		})
	}
}

// Calls with the same sources at once never have the same 5-tuple, whatever loops they are on: a port that is another call's is in use, or is
// not chosen.
func TestCallsShareSources(t *testing.T) {
	t.Parallel()
	w := newWiredWith(t, 4)
	w.way = frames.XDP
	w.serve(t)
	const own = "10.99.0.1"
	all, named := source.Ports{}, source.Ports{First: 1024, Last: 9215} // which are as many
	require.NoError(t, w.in(w.client, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("9216 65535"), 0o600)
	}))
	for name, row := range map[string]struct {
		held, flooded       source.Ports
		connections, floods int64
		rate                float64
		floodFirst          bool
		inUse               int64
	}{
		"named ports after chosen ones":       {held: all, connections: 4000, flooded: named, floods: 8192, inUse: 4000},
		"chosen ports after named ones":       {held: named, connections: 4000, flooded: all, floods: 10_000},
		"named ports while others are chosen": {held: named, connections: 6000, flooded: all, floods: 6000, rate: 3000, floodFirst: true},
		"most ports while others are chosen":  {held: all, connections: 6000, flooded: all, floods: 6000, rate: 3000, floodFirst: true},
	} {
		var e connect.Engine
		plan := connect.Plan{KernelBypass: true, Frames: w.way, Targets: targetsOf("10.99.0.2:5001"), Timeout: time.Minute, Concurrency: 100}
		flood, hold := plan, plan
		flood.Connections, flood.Rate, flood.Sources = row.floods, row.rate, sourcesOf(t, own, row.flooded)
		hold.Connections, hold.Sources = row.connections, sourcesOf(t, own, row.held)
		var held *connect.Held
		holdAll := func() (err error) {
			if held, err = e.Hold(context.Background(), connect.HoldPlan{Plan: hold}); err == nil {
				<-held.Settled()
			}
			return err
		}
		flooded := make(chan *connect.FloodResult, 1)
		floodAll := func() {
			r := new(connect.FloodResult)
			assert.NoError(t, w.in(w.client, func() (err error) {
				r, err = e.Flood(context.Background(), connect.FloodPlan{Plan: flood})
				return err
			}), name)
			flooded <- r
		}
		if row.floodFirst {
			go floodAll()
			require.Eventually(t, func() bool { return e.Total.States().Completed > 0 }, time.Minute, time.Millisecond, name)
		}
		require.NoError(t, w.in(w.client, holdAll), name)
		if !row.floodFirst {
			floodAll()
		}
		r := <-flooded
		assert.Equal(t, row.inUse, r.Errors[connect.ClassAddrInUse], name)
		assert.Equal(t, row.floods-row.inUse, r.States.Completed, "%s: %v", name, r.First)
		s := held.States()
		assert.Equal(t, row.connections, s.Established+s.Error, "%s: none has been closed", name)
		kept := held.Close()
		assert.Equal(t, kept.States.Error, kept.Errors[connect.ClassAddrInUse], "%s: %v", name, kept.First)
	}
}

// echo returns the address of a server that sends back what comes.
func (w *wired) echo(t *testing.T) string {
	t.Helper()
	var l net.Listener
	require.NoError(t, w.in(w.server, func() (err error) {
		l, err = net.Listen("tcp", "10.99.0.2:0")
		return err
	}))
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}
