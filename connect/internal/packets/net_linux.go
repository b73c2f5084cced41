package packets

import (
	"fmt"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// Net has the interfaces that calls share, and the loop that serves them. Both exist while a call uses them. The zero value is ready to use.
type Net struct {
	mu    sync.Mutex
	loop  *loop.Loop
	links map[int]*link // by the interface's index
	users int
}

// join returns the loop, which it starts for the first user. Each successful call needs a leave.
func (n *Net) join() (*loop.Loop, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users == 0 {
		l, err := loop.Start()
		if err != nil {
			return nil, err //nolint:wrapcheck // it says all
		}
		n.loop, n.links = l, map[int]*link{}
	}
	n.users++
	return n.loop, nil
}

func (n *Net) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users--; n.users == 0 {
		n.loop.Stop()
		n.loop = nil
	}
}

// open returns the link of a route, with a filter that takes a driver's packets. Each successful call needs a close. The first one for an
// interface tells how frames travel there, unless tell is nil.
func (n *Net) open(r *route, d *driver, filter *frames.Filter, tell Tell) (*link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[r.index]
	if l == nil {
		device, err := frames.Open(frames.Options{Index: r.index, Virtual: r.virtual, Way: d.job.Plan.Frames})
		if err != nil {
			return nil, fmt.Errorf("the packet driver can't use interface %s: %w", nameOf(r.index), err)
		}
		l = newLink(device, r)
		n.links[r.index] = l
		if tell != nil {
			tell(nameOf(r.index), device.Name())
		}
		await(n.loop, func() { l.attach(n.loop) })
	}
	l.users++
	if err := l.device.Take(filter); err != nil {
		n.release(l)
		return nil, fmt.Errorf("the packet driver on interface %s: %w", nameOf(r.index), err)
	}
	await(n.loop, func() { l.drivers = append(l.drivers, d) })
	return l, nil
}

// close takes a driver and its filter off a link.
func (n *Net) close(l *link, d *driver, filter *frames.Filter) {
	n.mu.Lock()
	defer n.mu.Unlock()
	await(n.loop, func() { l.remove(d) })
	l.device.Leave(filter)
	n.release(l)
}

// release closes a link that nobody uses any more.
func (n *Net) release(l *link) {
	if l.users--; l.users > 0 {
		return
	}
	delete(n.links, l.index)
	await(n.loop, l.detach)
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
