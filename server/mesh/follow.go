package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

const (
	// followAgain is how often a peer is asked for its list that does not say when there is news, as pingmesh's servers do not.
	followAgain = time.Minute
	// followTimeout bounds what a peer's list costs, with the names in it that have to be resolved.
	followTimeout = 30 * time.Second
	// resolveAgain is how often names are resolved whose addresses are peers.
	resolveAgain   = 15 * time.Second
	resolveTimeout = 5 * time.Second
	// tellings is how much longer than this server's list another may be: so many peers can be known, left out (twice as many), or new.
	tellings = 4
	// maxIP is how many bytes an address may have, with its zone.
	maxIP = 64
)

// A follower adds a peer's peers to the list, and theirs in turn. It asks beside the pings, which a slow list must not hold up.
type follower struct {
	mesh   *Mesh
	peer   *peer
	asking atomic.Bool
	wanted bool      // there may be news
	last   time.Time // of the last attempt
	// Not touched while asking.
	failed int  // attempts in a row
	next   int  // of the list, where its time was up
	full   bool // there was no room for all of it, as the log says
}

// step is called after each ping that was answered, with whether there may be news.
func (f *follower) step(ctx context.Context, news bool) {
	again := f.peer.instance() == "" && time.Since(f.last) > followAgain
	f.wanted = f.wanted || news || again
	if f.asking.Load() || !f.wanted && f.failed == 0 || time.Since(f.last) < backOff(f.failed) {
		return
	}
	f.wanted, f.last = false, time.Now()
	f.asking.Store(true)
	f.mesh.tasks.Go(func() {
		defer f.asking.Store(false)
		f.attempt(ctx)
	})
}

// backOff is the time from an attempt that failed to the next.
func backOff(failed int) time.Duration {
	if failed == 0 {
		return 0
	}
	return min(time.Second<<min(failed-1, 10), followAgain)
}

func (f *follower) attempt(ctx context.Context) {
	select {
	case f.mesh.lists <- struct{}{}:
		defer func() { <-f.mesh.lists }()
	case <-ctx.Done():
		return
	}
	err := f.follow(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errNoList) {
		f.failed = 0
		return
	}
	f.failed++
	if f.failed == 1 {
		f.mesh.options.Log.Warn("The peer's peers are not known, it is asked again", "url", f.peer.URL, "error", err)
	}
}

var errNoList = errors.New("not a page of a mesh's server")

func (f *follower) follow(ctx context.Context) error {
	page := f.peer.page(pathPeers)
	if page == "" {
		return errNoList
	}
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	var list []told
	err := f.mesh.fetch(ctx, page, f.peer.IP, func(d *document) (err error) {
		list, err = readList(d, tellings*f.mesh.options.MaxPeers)
		return err
	})
	if err != nil {
		return err
	}
	return f.hearAll(ctx, page, list)
}

// hearAll begins where the last attempt had to stop, so that names that are looked up in vain do not keep out the rest for ever.
func (f *follower) hearAll(ctx context.Context, page string, list []told) error {
	var undecided error
	full := false
	for i := range list {
		at := (f.next + i) % len(list)
		if ctx.Err() != nil {
			f.next = at
			return fmt.Errorf("%d of %d peers of %s: %w", i, len(list), page, context.Cause(ctx))
		}
		err := f.hear(ctx, list[at])
		if _, full = errors.AsType[fullError](err); full {
			break
		}
		if errors.Is(err, errUndecided) {
			undecided = err
		}
	}
	if full && !f.full {
		f.mesh.options.Log.Warn("Not all of a peer's peers are pinged: the list is full", "url", page, "peers", len(list))
	}
	f.next, f.full = 0, full
	return undecided
}

var errEnough = errors.New("enough has been read")

// told is a peer of which another tells.
type told struct {
	URL, Location, PeerIP string
	Resolved              bool // so PeerIP is just what DNS said there
}

// fits reports whether it may be a peer, and small.
func (t *told) fits() bool {
	return t.URL != "" && len(t.URL) <= maxURL && len(t.Location) <= reply.MaxLength && len(t.PeerIP) <= maxIP
}

// override is the address to ping it at, if it is not the one that DNS says; not valid if there is none.
func (t *told) override() netip.Addr {
	if t.Resolved {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(t.PeerIP)
	return ip.Unmap()
}

// readList reads so many peers of another server's list.
func readList(d *document, most int) (list []told, err error) {
	err = d.fields(func(name string) error {
		if name != "peers" {
			return d.pass()
		}
		return d.elements(func() error {
			var one told
			err := d.take(&one)
			if _, wrong := errors.AsType[*json.UnmarshalTypeError](err); wrong {
				return nil // the others may be well
			}
			if err == nil && one.fits() {
				list = append(list, one)
			}
			if len(list) == most {
				return errEnough
			}
			return err
		})
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("not a list of peers: %w", err)
	}
	return list, nil
}

// hear adds a peer that another tells of, if it is not known yet.
func (f *follower) hear(ctx context.Context, one told) error {
	t, err := ParseTarget(one.URL)
	if err != nil {
		return err
	}
	t.Location, t.Follow = "", true
	if one.Location != unknown && one.Location != one.URL && reply.Valid([]byte(one.Location)) {
		t.Location = one.Location
	}
	ip := one.override()
	if f.mesh.list.knows(&t, ip) {
		return errKnown
	}
	if ip.IsValid() {
		other, err := isOther(ctx, t.URL, ip)
		if err != nil {
			return err
		}
		if other {
			t.IP = ip
		}
	}
	return f.mesh.add(ctx, newcomer{Target: t, from: heard, teller: f.peer})
}

var errUndecided = errors.New("it is not known whether a peer's address is that of its name")

// isOther reports whether an address is to be insisted on, as it is not just what DNS says: pingmesh's servers tell the address
// that they found themselves. As long as DNS says nothing, that is errUndecided.
func isOther(ctx context.Context, url string, ip netip.Addr) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := ping.SystemResolver(ctx, hostname(url), 0)
	if wrong, ok := errors.AsType[*net.DNSError](err); ok && wrong.IsNotFound {
		return true, nil // the name means something to the other server alone
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", errUndecided, err)
	}
	return len(addrs) != 1 || addrs[0].Addr() != ip, nil
}

// discover makes a peer of every address that a name has, now and later.
func (m *Mesh) discover(t Target) {
	ticker := time.NewTicker(resolveAgain)
	defer ticker.Stop()
	for {
		if err := m.discoverOnce(t); err != nil && m.ctx.Err() == nil {
			m.options.Log.Warn("No peers from DNS", "url", t.URL, "error", err)
		}
		select {
		case <-ticker.C:
		case <-m.ctx.Done():
			return
		}
	}
}

func (m *Mesh) discoverOnce(t Target) error {
	ctx, cancel := context.WithTimeout(m.ctx, resolveTimeout)
	defer cancel()
	addrs, err := m.resolve(ctx, hostname(t.URL), 0)
	if err != nil {
		return err
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	for _, addr := range addrs {
		t.IP = addr.Addr()
		if err := m.add(ctx, newcomer{Target: t, from: listed}); err != nil && !isKnown(err) && !errors.Is(err, errLeftOut) {
			return err
		}
	}
	return nil
}
