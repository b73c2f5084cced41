package packets

import (
	"errors"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// runner runs a job on one or several loops, with a driver and a core on each.
type runner struct {
	*engine.Shares
	net   *Net
	call  *call
	rules engine.NewRules
	tell  Tell

	links   []*link // that are open
	taken   []*link // that take the call's packets
	drivers []*driver
	quiet   []chan struct{} // theirs
}

// NewRunner returns a runner whose connections are made of packets.
func NewRunner(n *Net, j *engine.Job, rules engine.NewRules, tell Tell) engine.Runner {
	return &runner{Shares: engine.NewShares(j), net: n, call: newCall(j), rules: rules, tell: tell}
}

// Start implements engine.Runner. It waits until the next hops of all targets have answered, and fails for what this host lacks.
func (r *runner) Start() (err error) {
	if r.call.job.Plan.Protocol == "tls" {
		return errors.New("the packet driver does not speak TLS; use driver 'sockets' for network 'tls'")
	}
	for _, need := range limits.PacketDriver() {
		if !need.OK {
			return fmt.Errorf("the packet driver lacks something: %s", need)
		}
	}
	routes, err := r.call.findRoutes()
	if err != nil {
		return err
	}
	if err = r.net.join(); err != nil {
		return err
	}
	if r.links, err = r.call.openLinks(r.net, routes, r.tell); err == nil {
		r.net.place(r.links, r.call, r.Wanted())
		r.claim()
		r.makeDrivers()
		err = r.takePackets()
	}
	if err != nil {
		r.close()
		return err
	}
	r.begin()
	return nil
}

// makeDrivers puts a driver on each loop, and on its ends of the links.
func (r *runner) makeDrivers() {
	for i, lanes := range r.Lanes(r.call.shares) {
		d := newDriver(r.call, i)
		d.core = engine.NewCore(r.call.job, d, lanes, r.rules, r.Hooks(func() { d.finished, d.idleSince = true, loop.Now() }))
		r.drivers, r.quiet = append(r.drivers, d), append(r.quiet, d.quiet)
		d.on = r.net.loop(i)
		for _, l := range r.links {
			e := l.ends[i]
			d.ends = append(d.ends, e)
			await(d.on, func() { e.drivers = append(e.drivers, d) })
		}
	}
}

// claim has the connections of others claim what they have of a contested call's.
func (r *runner) claim() {
	if !r.call.contested {
		return
	}
	for _, l := range r.links {
		for _, e := range l.ends[1:] {
			await(e.loop, func() { e.claimFor(r.call) })
		}
	}
}

// takePackets has the links take the call's packets.
func (r *runner) takePackets() error {
	for _, l := range r.links {
		if err := r.net.take(l, r.call); err != nil {
			return err
		}
		r.taken = append(r.taken, l)
	}
	return nil
}

func (r *runner) begin() {
	r.call.job.Begin(loop.Now()) // the interfaces may have taken their time
	for _, d := range r.drivers {
		await(d.on, func() { d.loop = d.on.Attach(d) })
	}
}

// close takes back what Start has opened.
func (r *runner) close() {
	for _, l := range r.taken {
		r.net.drop(l, r.call)
	}
	for _, d := range r.drivers {
		await(d.on, func() {
			for _, e := range d.ends {
				e.remove(d)
			}
		})
	}
	for _, l := range r.links {
		r.net.close(l, r.call)
	}
	r.net.leave()
}

// Stop implements engine.Runner. It does not wait for another call, which may be opening an interface for seconds.
func (r *runner) Stop(dialing, established class.Class) {
	for _, d := range r.drivers {
		d.on.Do(func() {
			d.core.Stop(loop.Now(), dialing, established)
			d.loop.Wake()
		})
	}
}

// Release implements engine.Runner. It waits until peers have closed their side, too, or do not for a second.
func (r *runner) Release() {
	for i, d := range r.drivers {
		<-r.quiet[i]
		await(d.on, func() { d.loop.Detach() })
	}
	r.close()
}
