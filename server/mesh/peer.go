package mesh

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

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
	teller *peer // that it was heard from
	cancel context.CancelFunc

	// Under the list's lock.
	from   origin
	server string // which one answered last, "" if none of ours

	mu       sync.Mutex
	location string
	answered bool // ever
	named    bool // by who asked for it, so that it does not matter what it says
	told     telling
	met      bool // pinged at least once, and worth to be listed
	figures  figures
}

// renameAgain is how long a peer keeps its name at least. Each name is a row of its own in Prometheus and CloudWatch, and peers choose
// theirs.
const renameAgain = 10 * time.Minute

// A telling is when a peer has told where it is, and which run of it has. It can tell it anew once it has been restarted.
type telling struct {
	at       time.Time // zero is never
	instance string
}

func (t *telling) due(now time.Time, instance string) bool {
	return t.at.IsZero() || instance != t.instance && now.Sub(t.at) >= renameAgain
}

func newPeer(n newcomer, t Target) *peer {
	return &peer{
		Target: t, given: n.Target, key: t.key(), teller: n.teller, from: n.from, met: n.from == asked, answered: n.saved,
		location: cmp.Or(t.Location, n.told, unknown), named: n.from == asked && t.Location != "",
	}
}

// askedFor notes that somebody has asked for a peer that was found.
func (p *peer) askedFor(from origin) {
	if from != asked {
		return
	}
	p.from = asked
	p.mu.Lock()
	defer p.mu.Unlock()
	p.met = true
}

// saved is the peer as the state file holds it.
func (p *peer) saved() saved {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := saved{Target: p.given, Heard: p.from == heard}
	if !p.named {
		s.Location = ""
		if p.location != unknown {
			s.Told = p.location
		}
	}
	return s
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

// address is the one that answered last; not valid if none has.
func (p *peer) address() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.figures.sums.RemoteAddr.Addr().Unmap()
}

// remote is the address that was pinged last; not valid if there is none yet.
func (p *peer) remote() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.figures.remote
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
	n.turned, p.answered = failed > 0, true
	n.theirs = f.pings == 1 || instance != f.instance || revision != f.listed
	n.ours = n.ours || f.pings == 1
	f.instance, f.listed = instance, revision
	if !p.named && p.told.due(r.Start, instance) && reply.Valid([]byte(r.Location)) {
		n.ours = n.ours || p.location != r.Location
		p.location, p.told = r.Location, telling{r.Start, instance}
	}
	return n
}

// hasAnswered reports whether any ping was answered, before a restart or since.
func (p *peer) hasAnswered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}

// spent reports why no more pings are due, "" if they are, and whether that is for failures.
func (p *peer) spent() (why string, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch f := &p.figures; {
	case p.MaxFail > 0 && f.row >= p.MaxFail:
		return fmt.Sprintf("%d failures in a row", f.row), true
	case p.Limit > 0 && f.pings >= p.Limit:
		return fmt.Sprintf("%d pings made", f.pings), false
	}
	return "", false
}

// meshHeader is sent with each answer to a ping: which run of which server this is, and the revision of its list of peers. So
// servers find themselves and each other under other names, and ask for lists only when there is news.
const meshHeader = "Mconnect-Mesh"

func readHeader(header http.Header) (instance, revision string) {
	value := header.Get(meshHeader)
	if len(value) > 64 {
		return "", ""
	}
	instance, revision, _ = strings.Cut(value, " ")
	if revision == "" || !reply.Valid([]byte(instance)) {
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
