package packets

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// call is what all drivers of a job have in common. It does not change once they run.
type call struct {
	job      *engine.Job
	datagram bool
	targets  []target
	chosen   []source.Ports // to choose from, if the plan names none
	shift    uint64         // of the choice, so that calls do not begin with the same ports
	stride   uint64         // of the choice, so that a connection finds a port that is its end's
	filter   frames.Filter
	shares   int // drivers
	ends     int // of an interface, among which the hash of a chosen 5-tuple decides; 1 if it does not

	contested bool // the call is odd, and others that are not may want the same 5-tuples
	claims    claims
}

// target is where connections go, and how.
type target struct {
	addr   netip.AddrPort
	source netip.Addr // of connections whose source the plan does not name
	path   wire.Path
	link   *link
	fault  engine.Fault // of all connections to it, if there is no way
	mss    uint16
	window uint16 // that connections offer
	most   int    // bytes of a datagram
}

func newCall(j *engine.Job) *call {
	return &call{
		job: j, datagram: j.Plan.Protocol == "udp", targets: make([]target, len(j.Plan.Targets)),
		shift: rand.Uint64N(1 << 32), // #nosec G404 -- spreads connections over ports, no secret
	}
}

// findRoutes fills in the targets' addresses, and the filter for them.
func (c *call) findRoutes() ([]route, error) {
	own, err := ownAddresses()
	if err != nil {
		return nil, err
	}
	routes := make([]route, len(c.targets))
	known := map[netip.Addr]route{}
	for i := range c.targets {
		to := &c.job.Plan.Targets[i]
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
		c.addTarget(i, netip.AddrPortFrom(addr.WithZone(""), to.Addr.Port()), &way)
	}
	haveOwn := c.makeFilter(routes, own)
	for i := range routes {
		if err := routes[i].checkLoopback(c.targets[i].addr.Addr(), haveOwn); err != nil {
			return nil, err
		}
	}
	return routes, nil
}

func (c *call) addTarget(i int, addr netip.AddrPort, way *route) {
	t := target{
		addr: addr, source: way.source, path: way.path, mss: wire.MSS(addr.Addr(), way.mtu), most: wire.MostUDP(addr.Addr(), way.mtu),
	}
	if !way.reached {
		t.fault = engine.Fault{Class: class.OfCall("connect", unix.EHOSTUNREACH), Err: engine.CallErrors{}.Of("connect", unix.EHOSTUNREACH)}
	}
	c.targets[i] = t
	c.filter.Remotes = append(c.filter.Remotes, addr)
}

// makeFilter names the call's 5-tuples. It reports whether an address of this host is among the sources.
func (c *call) makeFilter(routes []route, own map[netip.Addr]bool) (haveOwn bool) {
	if pool := c.job.Plan.Sources.Pool; pool != nil && pool.Size() > 0 {
		c.addPool(pool, routes, own)
		haveOwn = anyOf(own, pool.Prefixes())
	} else {
		c.addChosen(routes)
		haveOwn = true
	}
	c.filter.Ports = []source.Ports{c.job.Plan.Sources.Ports}
	if c.job.Plan.Sources.Ports.Count() == 0 {
		c.chosen = choosePorts(haveOwn)
		c.filter.Ports = c.chosen
	}
	return haveOwn
}

// addChosen adds the sources that the kernel would choose.
func (c *call) addChosen(routes []route) {
	added := map[netip.Addr]bool{}
	for i := range routes {
		if from := routes[i].source; routes[i].index != 0 && !added[from] {
			added[from] = true
			c.filter.Locals = append(c.filter.Locals, frames.Local{Prefix: whole(from)})
		}
	}
}

// addPool adds the sources of the plan. Neighbours' questions for an address of this host are left to the kernel, and those for the target and the
// next hop to whoever has them.
func (c *call) addPool(pool *source.Pool, routes []route, own map[netip.Addr]bool) {
	others := maps.Clone(own)
	for i := range routes {
		if routes[i].index != 0 {
			others[routes[i].nextHop], others[c.targets[i].addr.Addr()] = true, true
		}
	}
	for _, p := range pool.Prefixes() {
		c.filter.Locals = append(c.filter.Locals, frames.Local{Prefix: p, Answer: !p.IsSingleIP() || !others[p.Addr()]})
		for addr := range others {
			if p.Contains(addr) && !p.IsSingleIP() {
				c.filter.Locals = append(c.filter.Locals, frames.Local{Prefix: whole(addr)})
			}
		}
	}
}

// anyOf reports whether one of some addresses is in one of some prefixes.
func anyOf(addrs map[netip.Addr]bool, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		for addr := range addrs {
			if p.Contains(addr) {
				return true
			}
		}
	}
	return false
}

func whole(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// answersFor reports whether an address is a source of the call that no interface has.
func (c *call) answersFor(addr netip.Addr) bool {
	found := false
	for _, l := range c.filter.Locals {
		if l.Prefix.Contains(addr) {
			if !l.Answer {
				return false
			}
			found = true
		}
	}
	return found
}

// openLinks opens each interface that a route leads to, and gives targets their way.
func (c *call) openLinks(n *Net, routes []route, tell Tell) (links []*link, err error) {
	opened := map[int]*link{}
	for i := range routes {
		way, t := &routes[i], &c.targets[i]
		if way.index == 0 { // the target has an error of its own
			continue
		}
		l := opened[way.index]
		if l == nil {
			if l, err = n.open(way, c.job.Plan.Frames, tell); err != nil {
				return links, err
			}
			opened[way.index] = l
			links = append(links, l)
		}
		t.link, t.window = l, max(l.window, t.mss)
	}
	return links, nil
}

// spread decides how many drivers there are, each on a loop of its own, if so many are wanted. Connections go by the hash of their 5-tuples,
// unless the plan names their ports, or ports would get scarce, or the interfaces have not as many ends, or a call of this kind is there that
// may want the same 5-tuples: then there is one driver.
func (c *call) spread(links []*link, wanted int) {
	c.shares, c.ends, c.stride = 1, 1, 1
	if len(links) == 0 {
		return
	}
	ends := len(links[0].ends)
	for _, l := range links {
		if len(l.ends) != ends || slices.ContainsFunc(l.odd.all(), c.meets) {
			return
		}
	}
	shares := 1
	if wanted > 1 {
		shares = ends
	}
	const enough = 1 << 24 // sources: no product of them is too large
	ports := countPorts(c.chosen) * min(c.sources(), enough) * uint64(len(c.targets)) * uint64(shares) / uint64(ends)
	if uint64(c.mostOpen()) <= ports/2 { // #nosec G115 -- not negative
		c.shares, c.ends = shares, ends
		if ends > 1 {
			c.stride = 2 * uint64(ends/shares) // #nosec G115 -- few
		}
	}
}

// mostOpen is how many connections may be open at the same time.
func (c *call) mostOpen() int64 {
	if c.job.Plan.Keeps {
		return c.job.Plan.Connections
	}
	return int64(c.job.Lanes())
}

// mayHave reports whether a 5-tuple looks like one of the call's.
func (c *call) mayHave(t *tuple) bool {
	port := func(p source.Ports) bool { return p.First <= t.local.Port() && t.local.Port() <= p.Last }
	local := func(l frames.Local) bool { return l.Prefix.Contains(t.local.Addr()) }
	return slices.ContainsFunc(c.filter.Ports, port) && slices.ContainsFunc(c.filter.Locals, local)
}

// sources is how many source addresses take turns.
func (c *call) sources() uint64 {
	if pool := c.job.Plan.Sources.Pool; pool != nil {
		return max(pool.Size(), 1)
	}
	return 1
}

// source is the address that a connection comes from, by its number.
func (c *call) source(number uint64, to *target) netip.Addr {
	if from := c.job.Plan.Sources.Addr(number); from.IsValid() {
		return from.WithZone("")
	}
	return to.source
}
