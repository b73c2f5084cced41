//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// A lab is a network with one load balancer, and the operations that scripts may ask for.
type lab struct {
	*settings
	kind     *kind
	balancer balancer
	network  *network
	table    *table
	control  *control

	mu    sync.Mutex
	inUse []*backend
}

func startLab(s *settings, k *kind, results *table) (*lab, error) {
	n, err := newNetwork(s.servers, s.server)
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
	b.kill()
	return nil
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
func (l *lab) kill(b *backend) error { b.kill(); return nil }

// restart starts it again.
func (l *lab) restart(b *backend) error { return b.start() }

// reset undoes whatever scripts have left.
func (l *lab) reset() error {
	return errors.Join(
		l.network.drop(0),
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
