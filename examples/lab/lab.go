//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A lab is a network with one load balancer, and the operations that scripts may ask for.
type lab struct {
	*settings
	kind     *kind
	balancer balancer
	network  *network
	table    *table
	control  *control
	fault    *fault      // nil while nothing is to be broken
	rows     []row       // of the scenario that is played
	busy     atomic.Bool // its script found the machine too busy

	mu    sync.Mutex
	inUse []*backend
}

func startLab(s *settings, k *kind, results *table) (*lab, error) {
	makeNetwork := k.network
	if makeNetwork == nil {
		makeNetwork = func(s *settings) (*network, error) { return newNetwork(s.servers, s.server) }
	}
	n, err := makeNetwork(s)
	if err != nil {
		return nil, err
	}
	l := &lab{settings: s, kind: k, balancer: k.new(), network: n, table: results}
	if l.control, err = startControl(l); err == nil {
		err = l.reset()
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() {
	if l.control != nil {
		l.control.close()
	}
	l.network.close()
}

// An operation changes what a script asks it to.
type operation func(l *lab, b *backend) error

var operations = map[string]operation{
	"remove":  (*lab).remove,
	"drain":   (*lab).drain,
	"add":     (*lab).add,
	"kill":    (*lab).kill,
	"restart": (*lab).restart,
}

// remove is what a scale-down does: the load balancer is told, and the server ends.
func (l *lab) remove(b *backend) error {
	if err := l.drain(b); err != nil {
		return err
	}
	return b.kill()
}

// drain tells the load balancer that a backend gets no new connections. The server goes on.
func (l *lab) drain(b *backend) error {
	return l.use(slices.DeleteFunc(slices.Clone(l.inUse), func(other *backend) bool { return other == b }))
}

// add is what a scale-up does: the server starts, and the load balancer is told. The backend gets its old place.
func (l *lab) add(b *backend) error {
	if err := b.start(); err != nil {
		return err
	}
	var all []*backend
	for _, other := range l.network.backends {
		if other == b || slices.Contains(l.inUse, other) {
			all = append(all, other)
		}
	}
	return l.use(all)
}

// kill ends a server of which the load balancer is not told.
func (l *lab) kill(b *backend) error { return b.kill() }

// restart starts it again.
func (l *lab) restart(b *backend) error { return b.start() }

// reset undoes whatever scripts have left.
func (l *lab) reset() error {
	var undone error
	if l.network.lb != nil {
		undone = errors.Join(l.network.drop(0), l.network.netem(""))
	}
	return errors.Join(
		undone,
		l.network.eachBackend((*backend).start),
		l.use(l.network.backends),
	)
}

func (l *lab) use(backends []*backend) error {
	if len(backends) == 0 {
		return fmt.Errorf("%s would be left without backends", l.kind.name)
	}
	if err := l.balancer.use(l.network, backends); err != nil {
		return err
	}
	l.inUse = backends
	return nil
}

// tell adds a row of the scenario that is played.
func (l *lab) tell(r row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, r)
}

// inject breaks what is to be broken, if anything.
func (l *lab) inject() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault == nil {
		return nil
	}
	return l.fault.inject(l)
}

// do does one operation at a time.
func (l *lab) do(o operation, backends []*backend) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range backends {
		if err := o(l, b); err != nil {
			return err
		}
	}
	return nil
}
