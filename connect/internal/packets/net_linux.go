package packets

import (
	"fmt"
	"slices"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// Net has the interfaces that calls share, and the loops that serve them. Both exist while a call uses them. The zero value is ready to use.
type Net struct {
	mu    sync.Mutex
	loops []*loop.Loop
	links map[int]*link // by the interface's index
	users int
}

// join starts the first loop for the first user. Each successful call needs a leave.
func (n *Net) join() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users == 0 {
		if err := n.startLoops(1); err != nil {
			return err
		}
		n.links = map[int]*link{}
	}
	n.users++
	return nil
}

func (n *Net) startLoops(count int) error {
	for len(n.loops) < count {
		l, err := loop.Start()
		if err != nil {
			return err //nolint:wrapcheck // it says all
		}
		n.loops = append(n.loops, l)
	}
	return nil
}

func (n *Net) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users--; n.users == 0 {
		for _, l := range n.loops {
			l.Stop()
		}
		n.loops = nil
	}
}

// loop returns one of the loops, which are as many as the ends of a link that is open, or one.
func (n *Net) loop(i int) *loop.Loop {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.loops[i]
}

// open returns the link of a route. Each successful call needs a close. The first one for an interface tells how frames travel there, unless
// tell is nil.
func (n *Net) open(r *route, way frames.Way, tell Tell) (*link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[r.index]
	if l == nil {
		device, err := frames.Open(frames.Options{Index: r.index, Virtual: r.virtual, Way: way})
		if err != nil {
			return nil, fmt.Errorf("the packet driver can't use interface %s: %w", nameOf(r.index), err)
		}
		l = newLink(device, r)
		if err := n.startLoops(len(l.ends)); err != nil {
			_ = device.Close()
			return nil, err
		}
		if tell != nil {
			tell(nameOf(r.index), device.Name())
		}
		n.links[r.index] = l
		for i, e := range l.ends {
			await(n.loops[i], func() { e.attach(n.loops[i]) })
		}
	}
	l.users++
	return l, nil
}

// place decides at which ends of its links a call's connections are.
func (n *Net) place(links []*link, c *call, wanted int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c.spread(links, wanted)
	spread := func(other *call) bool { return other.shares > 1 && c.meets(other) }
	contested := func(l *link) bool { return c.ends != len(l.ends) && slices.ContainsFunc(l.hashed.all(), spread) }
	c.contested = slices.ContainsFunc(links, contested)
	for _, l := range links {
		if c.ends == len(l.ends) {
			l.hashed.add(c)
		} else {
			l.odd.add(c)
		}
	}
}

// take has a link take a call's packets. Each successful call needs a drop.
func (n *Net) take(l *link, c *call) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := l.device.Take(&c.filter); err != nil {
		return fmt.Errorf("the packet driver on interface %s: %w", nameOf(l.index), err)
	}
	return nil
}

func (n *Net) drop(l *link, c *call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l.device.Leave(&c.filter)
}

// close lets a call leave a link, and closes the link if nobody uses it any more.
func (n *Net) close(l *link, c *call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l.odd.remove(c)
	l.hashed.remove(c)
	if l.users--; l.users > 0 {
		return
	}
	delete(n.links, l.index)
	for i, e := range l.ends {
		await(n.loops[i], e.detach)
	}
	_ = l.device.Close()
}

// await runs a task on the loop, and waits for it.
func await(l *loop.Loop, task func()) {
	done := make(chan struct{})
	l.Do(func() {
		task()
		close(done)
	})
	<-done
}
