package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxDeleted is how many peers are remembered after their end, as in pingmesh.
const maxDeleted = 100

// A list is the peers, and which targets are left out of it.
type list struct {
	revision atomic.Int64 // changes with what is listed

	mu      sync.Mutex
	closed  bool
	max     int
	peers   map[key]*peer
	order   []*peer // by age
	out     map[key]absence
	ended   int
	deleted []*peer // the last ones
}

// An absence says why a target that others tell of is not pinged.
type absence struct {
	until time.Time // zero is for good
	gone  bool      // it was pinged, and given up
}

// origin is how a peer came to the list.
type origin int

const (
	asked  origin = iota // by flag, state file or HTTP: whatever it is, it is pinged
	heard                // from another peer
	listed               // in DNS
)

var errKnown = errors.New("this peer is in the list already")

func isKnown(err error) bool { return errors.Is(err, errKnown) }

// fullError says that there is no room for another peer.
type fullError int

func (e fullError) Error() string {
	return fmt.Sprintf("the list is full, it has %d peers: delete some, or start the server with a larger -max-peers", int(e))
}

var errClosed = errors.New("the server is about to end")

var errLeftOut = errors.New("this peer is left out, as it is this server or known under another name, was deleted, or has not answered")

func (l *list) init(most int) {
	l.max = most
	l.peers, l.out = map[key]*peer{}, map[key]absence{}
}

// close lets no more peers in.
func (l *list) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// open lets something begin that Stop waits for, unless the list is closed.
func (l *list) open(begin func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	begin()
	return true
}

// enter adds a peer and lets it begin, unless there is a reason against it.
func (l *list) enter(p *peer, from origin, begin func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	if _, ok := l.peers[p.key]; ok {
		return errKnown
	}
	if absence, ok := l.out[p.key]; ok && from != asked {
		expired := !absence.until.IsZero() && time.Now().After(absence.until)
		if !expired && (!absence.gone || from != listed) {
			return errLeftOut
		}
	}
	if len(l.order) >= l.max {
		return fullError(l.max)
	}
	delete(l.out, p.key)
	l.peers[p.key] = p
	l.order = append(l.order, p)
	if from == asked {
		l.changed()
	}
	begin()
	return nil
}

// leave takes a peer off the list. Its end is remembered unless it was never listed. It returns false if it has left before.
func (l *list) leave(p *peer, why absence) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[p.key] != p {
		return false
	}
	delete(l.peers, p.key)
	l.order = slices.DeleteFunc(l.order, func(other *peer) bool { return other == p })
	l.leaveOut(p.key, why)
	if p.listed() {
		l.ended++
		l.deleted = append(l.deleted, p)
		if len(l.deleted) > maxDeleted {
			l.deleted = slices.Clone(l.deleted[1:])
		}
	}
	l.changed()
	return true
}

// leaveOut remembers that a target is not to be pinged when others tell of it, as far as there is room.
func (l *list) leaveOut(k key, why absence) {
	now := time.Now()
	if len(l.out) >= 2*l.max {
		for other, absence := range l.out {
			if !absence.until.IsZero() && now.After(absence.until) {
				delete(l.out, other)
			}
		}
	}
	for other := range l.out {
		if len(l.out) < 2*l.max {
			break
		}
		delete(l.out, other) // any one: it may be tried again
	}
	l.out[k] = why
}

func (l *list) changed() { l.revision.Add(1) }

// all are the peers that are worth to be shown, the oldest first.
func (l *list) all() []*peer {
	l.mu.Lock()
	peers := slices.Clone(l.order)
	l.mu.Unlock()
	return slices.DeleteFunc(peers, func(p *peer) bool { return !p.listed() })
}

func (l *list) gone() (peers []*peer, count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.deleted), l.ended
}

// find returns the peers with a URL, at one address or at all.
func (l *list) find(k key, everywhere bool) (found []*peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.order {
		if p.key == k || everywhere && p.key.url == k.url {
			found = append(found, p)
		}
	}
	return found
}

// double reports whether another peer is the same server.
func (l *list) double(p *peer, instance string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.order, func(other *peer) bool { return other != p && other.instance() == instance })
}

// listed reports whether a peer is shown: one that was found is not before its first ping, since it may be this very server.
func (p *peer) listed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met
}

// add begins to ping a target.
func (m *Mesh) add(t Target, from origin) error {
	given := t
	if err := t.complete(&m.options); err != nil {
		return err
	}
	if err := m.checkAllowed(m.ctx, &t); err != nil {
		return err
	}
	p := newPeer(given, t, from)
	ctx, cancel := context.WithCancel(m.ctx)
	p.cancel = cancel
	err := m.list.enter(p, from, func() {
		m.tasks.Go(func() {
			defer cancel()
			m.run(ctx, p)
		})
	})
	if err != nil {
		cancel()
		return err
	}
	m.save()
	return nil
}

// remove ends the pings of a peer.
func (m *Mesh) remove(p *peer, why absence) {
	p.cancel()
	if m.list.leave(p, why) {
		m.save()
	}
}
