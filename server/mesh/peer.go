package mesh

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// unknown is the location of a peer that has not told it, as pingmesh writes it.
const unknown = "unknown"

// A peer is pinged by a goroutine of its own until it is taken off the list or given up.
type peer struct {
	Target // with everything filled in; does not change
	given  Target
	key    key
	found  bool // through another peer or DNS, so that it may be this server itself
	cancel context.CancelFunc

	mu       sync.Mutex
	location string
	named    bool // by who asked for it, so that it does not matter what it says
	told     bool // where it is, in the first ping that it answered
	met      bool // pinged at least once, and worth to be listed
	figures  figures
}

func newPeer(given, t Target, from origin) *peer {
	p := &peer{Target: t, given: given, key: t.key(), found: from != asked, met: from == asked, location: t.Location}
	p.named = from == asked && t.Location != ""
	if p.location == "" {
		p.location = unknown
	}
	return p
}

// name is where the peer is, or its URL.
func (p *peer) name() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nameLocked()
}

func (p *peer) nameLocked() string {
	if p.location != unknown {
		return p.location
	}
	return p.URL
}

// instance says which server answered last; "" if that is none of ours.
func (p *peer) instance() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.figures.instance
}

// answers reports whether the last ping was answered.
func (p *peer) answers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.figures.row == 0
}

// news is what a ping has changed besides the figures.
type news struct {
	theirs bool // the peer's list of peers, maybe
	ours   bool // the peer's place in this server's list
	turned bool // it answers again, or does not any more
	found  bool // it is new, and nobody has asked for it
}

// add notes a ping.
func (p *peer) add(r *ping.Result) (n news) {
	instance, revision := readHeader(r.Header)
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &p.figures
	n.ours, n.found, p.met = !p.met, !p.met, true
	failed := f.row
	f.add(r)
	if r.Failed() {
		n.turned = failed == 0
		return n
	}
	n.turned = failed > 0
	n.theirs = f.pings == 1 || instance != f.instance || revision != f.listed
	n.ours = n.ours || f.pings == 1
	restarted := instance != f.instance
	f.instance, f.listed = instance, revision
	if !p.named && (!p.told || restarted) && reply.Valid([]byte(r.Location)) {
		p.location, p.told, n.ours = r.Location, true, true
	}
	return n
}

// saysItself reports whether the peer's location is what it tells.
func (p *peer) saysItself() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// spent reports why no more pings are due, "" if they are.
func (p *peer) spent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch f := &p.figures; {
	case p.MaxFail > 0 && f.row >= p.MaxFail:
		return fmt.Sprintf("%d failures in a row", f.row)
	case p.Limit > 0 && f.pings >= p.Limit:
		return fmt.Sprintf("%d pings made", f.pings)
	}
	return ""
}

// meshHeader is sent with each answer to a ping: which run of which server this is, and the revision of its list of peers. So
// servers find themselves and each other under other names, and ask for lists only when there is news.
const meshHeader = "Mconnect-Mesh"

func readHeader(header http.Header) (instance, revision string) {
	value := header.Get(meshHeader)
	if len(value) > 64 {
		return "", ""
	}
	if n, _ := fmt.Sscan(value, &instance, &revision); n != 2 || !reply.Valid([]byte(instance)) {
		return "", ""
	}
	return instance, revision
}

func reason(r *ping.Result) string {
	if r.Err != nil {
		return r.Err.Error()
	}
	return fmt.Sprintf("HTTP status %d", r.Status)
}
