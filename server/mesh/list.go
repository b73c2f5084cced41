package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
	own     string // instance of this server
	max     int
	peers   map[key]*peer
	order   []*peer // by age
	out     map[key]absence
	ended   int
	deleted []*peer // the last ones
	unfit   []saved // of the state file, which can't be pinged as the server was started now
}

// An absence says why a target that others tell of is not pinged.
type absence struct {
	until  time.Time // zero is for good
	gone   bool      // it was pinged, and given up
	failed bool      // that was for its failures
}

func (a absence) forGood() bool { return a.until.IsZero() }

func (a absence) over() bool { return !a.forGood() && time.Now().After(a.until) }

// origin is how a peer came to the list.
type origin int

const (
	asked  origin = iota // by flag, state file or HTTP: whatever it is, it is pinged
	heard                // from another peer
	listed               // in DNS
)

// A newcomer is a target on its way to the list.
type newcomer struct {
	Target
	from   origin
	teller *peer  // that it was heard from; nil after a restart
	saved  bool   // it is from the state file, and so has answered before if it was heard
	told   string // where it said that it is, before a restart
}

var errKnown = errors.New("this peer is in the list already")

func isKnown(err error) bool { return errors.Is(err, errKnown) }

// fullError says that there is no room for another peer.
type fullError int

func (e fullError) Error() string {
	return fmt.Sprintf("the list is full, it has %d peers: delete some, or start the server with a larger -max-peers", int(e))
}

var errClosed = errors.New("the server is about to end")

var errLeftOut = errors.New("this peer is left out, as it is this server or known under another name, was deleted, or has not answered")

func (l *list) init(own string, most int) {
	l.own, l.max = own, most
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
func (l *list) enter(p *peer, begin func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	if known, ok := l.peers[p.key]; ok {
		known.askedFor(p.from)
		return errKnown
	}
	if a, ok := l.out[p.key]; ok && p.from != asked && !a.over() && (!a.gone || p.from != listed) {
		return errLeftOut
	}
	if !l.makeRoom(p) {
		return fullError(l.max)
	}
	delete(l.out, p.key)
	l.peers[p.key] = p
	l.order = append(l.order, p)
	if p.from == asked {
		l.changed()
	}
	begin()
	return nil
}

// makeRoom reports whether a peer can come in. Into a full list it comes in place of one that others told of and that has never
// answered: anything that is asked for or in DNS does, and what another tells if that has told of less. So a peer that tells of
// thousands does not keep out the rest.
func (l *list) makeRoom(p *peer) bool {
	if len(l.order) < l.max {
		return true
	}
	unanswered := map[*peer][]*peer{}
	var most *peer
	for _, other := range l.order {
		if other.from == heard && !other.hasAnswered() {
			unanswered[other.teller] = append(unanswered[other.teller], other)
			if len(unanswered[other.teller]) > len(unanswered[most]) {
				most = other.teller
			}
		}
	}
	theirs := unanswered[most]
	if len(theirs) == 0 || p.from == heard && len(theirs) <= len(unanswered[p.teller])+1 {
		return false
	}
	last := theirs[len(theirs)-1]
	last.cancel()
	l.drop(last)
	l.changed()
	return true
}

// leave takes a peer off the list. Its end is remembered unless it was never listed. It returns false if it has left before.
func (l *list) leave(p *peer, why absence) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[p.key] != p {
		return false
	}
	l.drop(p)
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

// hasFailed reports whether a peer was given up for its failures, and is not back.
func (l *list) hasFailed(k key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out[k].failed
}

func (l *list) drop(p *peer) {
	delete(l.peers, p.key)
	l.order = slices.DeleteFunc(l.order, func(other *peer) bool { return other == p })
}

// leaveOut remembers that a target is not to be pinged when others tell of it, as far as there is room: those whose time is over
// make place first, then those that are left out for a while, since they may be tried again.
func (l *list) leaveOut(k key, why absence) {
	for _, dispensable := range []func(absence) bool{absence.over, func(a absence) bool { return !a.forGood() }, func(absence) bool { return true }} {
		for other, a := range l.out {
			if len(l.out) < 2*l.max {
				break
			}
			if dispensable(a) {
				delete(l.out, other)
			}
		}
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

// findAt returns the peers that have no address of their own and were pinged last at the key's.
func (l *list) findAt(k key) (found []*peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.order {
		if p.key == (key{url: k.url}) && k.ip.IsValid() && p.remote() == k.ip {
			found = append(found, p)
		}
	}
	return found
}

// claim notes which server a peer has turned out to be. It returns false if the peer is to leave, as it is this server itself or
// one that is in the list already: of two that were found the first stays, and whatever was asked for does.
func (l *list) claim(p *peer, instance string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.server = instance
	if p.from == asked || instance == "" {
		return true
	}
	listed := p.listed()
	return instance != l.own && !slices.ContainsFunc(l.order, func(other *peer) bool {
		return other != p && other.server == instance && (other.from == asked || !listed)
	})
}

// listed reports whether a peer is shown: one that was found is not before its first ping, since it may be this very server.
func (p *peer) listed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met
}

// knows reports whether a target that another tells of is in the list for certain, without a question to DNS: at that address,
// which may be what its name has led to.
func (l *list) knows(t *Target, ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := *t
	at.IP = ip
	if l.peers[at.key()] != nil {
		return true
	}
	p := l.peers[t.key()]
	return p != nil && p.address() == ip
}

// add begins to ping a target. The context bounds what it takes to find out whether that is allowed.
func (m *Mesh) add(ctx context.Context, n newcomer) error {
	t := n.Target
	if err := t.complete(&m.options); err != nil {
		return err
	}
	if err := m.checkAllowed(ctx, &t); err != nil {
		return err
	}
	p := newPeer(n, t)
	life, cancel := context.WithCancel(m.ctx)
	p.cancel = cancel
	err := m.list.enter(p, func() {
		m.tasks.Go(func() {
			defer cancel()
			m.run(life, p)
		})
	})
	if err != nil {
		cancel()
		if !isKnown(err) {
			return err
		}
	}
	m.save()
	return err
}

// remove ends the pings of a peer.
func (m *Mesh) remove(p *peer, why absence) {
	p.cancel()
	if m.list.leave(p, why) {
		m.save()
	}
}
