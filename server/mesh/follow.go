package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	failed int       // attempts in a row; not touched while asking
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
	for _, one := range list {
		if _, full := errors.AsType[fullError](f.hear(ctx, one)); full {
			f.mesh.options.Log.Warn("Not all of a peer's peers are pinged: the list is full", "url", page, "peers", len(list))
			return nil
		}
	}
	return ctx.Err()
}

var errEnough = errors.New("enough has been read")

// told is a peer of which another tells.
type told struct{ URL, Location, PeerIP string }

// fits reports whether it may be a peer, and small.
func (t *told) fits() bool {
	return t.URL != "" && len(t.URL) <= maxURL && len(t.Location) <= reply.MaxLength && len(t.PeerIP) <= maxIP
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
	if ip, err := netip.ParseAddr(one.PeerIP); err == nil && !resolvesTo(ctx, t.URL, ip) {
		t.IP = ip.Unmap()
	}
	return f.mesh.add(newcomer{Target: t, from: heard, teller: f.peer})
}

// resolvesTo reports whether an address is just what DNS says, so that it is none to insist on: pingmesh's servers tell the
// address that they found themselves.
func resolvesTo(ctx context.Context, url string, ip netip.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := ping.SystemResolver(ctx, hostname(url), 0)
	return err == nil && len(addrs) == 1 && addrs[0].Addr() == ip.Unmap()
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
		if err := m.add(newcomer{Target: t, from: listed}); err != nil && !isKnown(err) && !errors.Is(err, errLeftOut) {
			return err
		}
	}
	return nil
}
