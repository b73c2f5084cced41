package packets

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// runner runs a job on one core.
type runner struct {
	net           *Net
	job           *engine.Job
	rules         engine.NewRules
	tell          Tell
	loop          *loop.Loop
	driver        *driver
	core          *engine.Core
	quiet         chan struct{}
	settled, done chan struct{}
}

// NewRunner returns a runner whose connections are made of packets.
func NewRunner(n *Net, j *engine.Job, rules engine.NewRules, tell Tell) engine.Runner {
	return &runner{net: n, job: j, rules: rules, tell: tell, settled: make(chan struct{}), done: make(chan struct{})}
}

// Start implements engine.Runner. It waits until the next hops of all targets have answered, and fails for what this host lacks.
func (r *runner) Start() (err error) {
	if r.job.Plan.Protocol == "tls" {
		return errors.New("the packet driver does not speak TLS; use driver 'sockets' for network 'tls'")
	}
	for _, need := range limits.PacketDriver() {
		if !need.OK {
			return fmt.Errorf("the packet driver lacks something: %s", need)
		}
	}
	r.driver = newDriver(r.job)
	routes, err := r.driver.findRoutes()
	if err != nil {
		return err
	}
	if r.loop, err = r.net.join(); err != nil {
		return err
	}
	if err := r.openLinks(routes); err != nil {
		r.closeLinks()
		r.net.leave()
		return err
	}
	r.begin()
	return nil
}

func (r *runner) begin() {
	d := r.driver
	lanes := int(min(int64(r.job.Plan.Concurrency), r.job.Plan.Connections))
	r.quiet = d.quiet
	r.core = engine.NewCore(r.job, d, lanes, r.rules, engine.Hooks{
		Settled: func() { close(r.settled) },
		Finished: func() {
			d.finished, d.idleSince = true, loop.Now()
			close(r.done)
		},
	})
	d.core = r.core
	await(r.loop, func() {
		r.job.Begin(loop.Now()) // the interface may have taken its time
		d.loop = r.loop.Attach(d)
	})
}

// openLinks opens each interface that a route leads to, and gives targets their way.
func (r *runner) openLinks(routes []route) error {
	opened := map[int]*link{}
	for i := range routes {
		way, t := &routes[i], &r.driver.targets[i]
		if way.index == 0 { // the target has an error of its own
			continue
		}
		l := opened[way.index]
		if l == nil {
			var err error
			if l, err = r.net.open(way, r.driver, &r.driver.filter, r.tell); err != nil {
				return err
			}
			opened[way.index] = l
			r.driver.links = append(r.driver.links, l)
		}
		t.link, t.path, t.mss, t.most = l, way.path, wire.MSS(t.addr.Addr(), way.mtu), wire.MostUDP(t.addr.Addr(), way.mtu)
		t.window = max(l.window, t.mss)
		if !way.reached {
			t.fault = r.driver.fault("connect", unix.EHOSTUNREACH)
		}
	}
	return nil
}

func (r *runner) closeLinks() {
	for _, l := range r.driver.links {
		r.net.close(l, r.driver, &r.driver.filter)
	}
}

// Settled implements engine.Runner.
func (r *runner) Settled() <-chan struct{} { return r.settled }

// Done implements engine.Runner.
func (r *runner) Done() <-chan struct{} { return r.done }

// Stop implements engine.Runner.
func (r *runner) Stop(dialing, established class.Class) {
	r.loop.Do(func() {
		r.core.Stop(loop.Now(), dialing, established)
		r.driver.loop.Wake()
	})
}

// Release implements engine.Runner. It waits until peers have closed their side, too, or do not for a second.
func (r *runner) Release() {
	<-r.quiet
	await(r.loop, func() { r.driver.loop.Detach() })
	r.closeLinks()
	r.net.leave()
}

// findRoutes fills in the targets' addresses, and the filter for them.
func (d *driver) findRoutes() ([]route, error) {
	own, err := ownAddresses()
	if err != nil {
		return nil, err
	}
	routes := make([]route, len(d.targets))
	known := map[netip.Addr]route{}
	for i := range d.targets {
		to := &d.job.Plan.Targets[i]
		if to.Err != nil {
			continue
		}
		addr := to.Addr.Addr().Unmap()
		way, found := known[addr]
		if !found {
			if way, err = findRoute(addr); err != nil {
				return nil, err
			}
			known[addr] = way
		}
		routes[i] = way
		d.addTarget(i, netip.AddrPortFrom(addr.WithZone(""), to.Addr.Port()), way.source)
	}
	haveOwn := d.makeFilter(routes, own)
	for i := range routes {
		if err := routes[i].checkLoopback(d.targets[i].addr.Addr(), haveOwn); err != nil {
			return nil, err
		}
	}
	return routes, nil
}

func (d *driver) addTarget(i int, addr netip.AddrPort, from netip.Addr) {
	d.targets[i] = target{addr: addr, source: from}
	d.filter.Remotes = append(d.filter.Remotes, addr)
}

// makeFilter names the call's 5-tuples. It reports whether an address of this host is among the sources.
func (d *driver) makeFilter(routes []route, own map[netip.Addr]bool) (haveOwn bool) {
	haveOwn = d.addSources(routes, own)
	d.filter.Ports = []source.Ports{d.job.Plan.Sources.Ports}
	if d.job.Plan.Sources.Ports.Count() == 0 {
		d.chosen = choosePorts(haveOwn)
		d.filter.Ports = d.chosen
	}
	return haveOwn
}

// addSources reports whether an address of this host is among the call's sources. Neighbours' questions for that are left to the kernel,
// and those for the target and the next hop to whoever has them.
func (d *driver) addSources(routes []route, own map[netip.Addr]bool) (haveOwn bool) {
	pool := d.job.Plan.Sources.Pool
	if pool == nil || pool.Size() == 0 {
		chosen := map[netip.Addr]bool{}
		for i := range routes {
			if from := routes[i].source; routes[i].index != 0 && !chosen[from] {
				chosen[from] = true
				d.filter.Locals = append(d.filter.Locals, frames.Local{Prefix: whole(from)})
			}
		}
		return true
	}
	others := maps.Clone(own)
	for i := range routes {
		if routes[i].index != 0 {
			others[routes[i].nextHop], others[d.targets[i].addr.Addr()] = true, true
		}
	}
	for _, p := range pool.Prefixes() {
		d.filter.Locals = append(d.filter.Locals, frames.Local{Prefix: p, Answer: !p.IsSingleIP() || !others[p.Addr()]})
		for addr := range others {
			if p.Contains(addr) && !p.IsSingleIP() {
				d.filter.Locals = append(d.filter.Locals, frames.Local{Prefix: whole(addr)})
			}
			haveOwn = haveOwn || p.Contains(addr) && own[addr]
		}
	}
	return haveOwn
}

func whole(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }
