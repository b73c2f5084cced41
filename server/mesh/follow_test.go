package mesh_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// As long as DNS says nothing of a name, nobody knows whether an address that pingmesh tells is one to insist on.
func TestAddressesAreNotPinnedWhileDNSFails(t *testing.T) {
	var mended atomic.Bool
	resolveWith(t, func(string) ([]string, bool) {
		if mended.Load() {
			return []string{"127.0.0.1"}, true
		}
		return []string{}, true
	})
	far := strings.Replace(serve(t, pingmesh("far")), "127.0.0.1", "far.invalid", 1)
	near := serve(t, pingmesh("near", far+"/v1/ping"))
	log := &text{}
	n := begin(t, mesh.Options{Log: slog.New(slog.NewTextHandler(log, nil)), Peers: []mesh.Target{target(t, near+"/v1/ping?addpeers=true")}})
	require.Eventually(t, func() bool {
		return strings.Contains(log.String(), "The peer's peers are not known, it is asked again")
	}, patience, often)
	assert.Contains(t, log.String(), "it is not known whether a peer's address is that of its name: lookup far.invalid")
	mended.Store(true)
	told := n.eventually(t, "the peer's peer", func(s mesh.Server) bool { return len(s.Peers) == 2 })
	assert.Equal(t, far+"/v1/ping", told.Peers[1].URL)
	told = n.eventually(t, "it is pinged", func(s mesh.Server) bool { return s.Peers[1].PeerIP != "" })
	assert.True(t, told.Peers[1].Resolved, "it is pinged by its name")
}

// A name that is known to others alone is pinged where they say it is, and one with several addresses at the one that they say.
func TestAddressesArePinned(t *testing.T) {
	resolveWith(t, names{"several.invalid.": {"127.0.0.3", "127.0.0.1"}}.known)
	far := serve(t, pingmesh("far"))
	near := serve(t, pingmesh("near",
		strings.Replace(far, "127.0.0.1", "nowhere.invalid", 1)+"/v1/ping", strings.Replace(far, "127.0.0.1", "several.invalid", 1)+"/v1/ping"))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, near+"/v1/ping?addpeers=true")}})
	told := n.eventually(t, "all answer", func(s mesh.Server) bool {
		return len(s.Peers) == 3 && s.Peers[1].Pings > 0 && s.Peers[2].Pings > 0
	})
	assert.Equal(t, "127.0.0.1", told.Peers[1].PeerIP)
	assert.Equal(t, "127.0.0.1", told.Peers[2].PeerIP)
	assert.False(t, told.Peers[1].Resolved || told.Peers[2].Resolved)
}

// The address that our servers tell is insisted on only if it was there, too: a name with several goes on to be looked up.
func TestResolvedAddressesAreNotPinned(t *testing.T) {
	resolveWith(t, names{"several.invalid.": {"127.0.0.1", "127.0.0.3"}}.known)
	far := strings.Replace(serve(t, pingmesh("far")), "127.0.0.1", "several.invalid", 1)
	near := begin(t, mesh.Options{Location: "near", Peers: []mesh.Target{target(t, far+"/v1/ping")}})
	told := near.eventually(t, "it is pinged", func(s mesh.Server) bool { return s.Peers[0].Pings > 0 })
	assert.Contains(t, []string{"127.0.0.1", "127.0.0.3"}, told.Peers[0].PeerIP)
	assert.True(t, told.Peers[0].Resolved)
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, near.url+"/v1/ping?addpeers=true")}})
	told = n.eventually(t, "the peer's peer", func(s mesh.Server) bool { return len(s.Peers) == 2 && s.Peers[1].Pings > 0 })
	assert.True(t, told.Peers[1].Resolved, "%+v", told.Peers[1])
}

// What is in the list already costs no look-up, however often it is told.
func TestKnownPeersAreNotLookedUp(t *testing.T) {
	far, lists := serve(t, pingmesh("far")), &atomic.Int64{}
	elsewhere := strings.Replace(far, "127.0.0.1", "far.invalid", 1)
	var lookedUp atomic.Int64
	resolveWith(t, func(name string) ([]string, bool) {
		if strings.HasPrefix(name, "once.") {
			lookedUp.Add(1)
		}
		return []string{"127.0.0.1"}, true
	})
	once := strings.Replace(far, "127.0.0.1", "once.invalid", 1)
	list := pingmesh("near", once+"/v1/ping", elsewhere+"/v1/ping")
	near := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Mconnect-Mesh", fmt.Sprintf("i %d", lists.Load()))
		list.ServeHTTP(w, r)
		if r.URL.Path == "/v1/peers" {
			lists.Add(1)
		}
	}))
	// Of the named peers the second is pinged only once, so that all other look-ups of its name are the list's.
	n := begin(t, mesh.Options{Delay: mesh.MinDelay, Peers: []mesh.Target{target(t, near+"/v1/ping?addpeers=true"), {URL: once + "/v1/ping", Delay: time.Hour}}})
	n.eventually(t, "all answer", func(s mesh.Server) bool { return len(s.Peers) == 3 && s.Peers[1].Pings > 0 && s.Peers[2].Pings > 0 })
	before, seen := lookedUp.Load(), lists.Load()
	require.Eventually(t, func() bool { return lists.Load() > seen+5 }, patience, often)
	assert.Equal(t, before, lookedUp.Load())
}

// A server starts in time even if DNS is silent; what -allow forbids is then found when it is pinged.
func TestStartsWithoutDNS(t *testing.T) {
	silent := names{}
	options := mesh.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Delay: time.Hour, Location: "here"}
	for i := range 20 {
		silent[fmt.Sprintf("%d.invalid.", i)] = nil
		options.Peers = append(options.Peers, target(t, fmt.Sprintf("http://%d.invalid/v1/ping", i)))
	}
	resolveWith(t, silent.known)
	begun := time.Now()
	n := begin(t, options)
	assert.Less(t, time.Since(begun), 15*time.Second, "5 s for all, not for each")
	assert.Len(t, n.server(t).Peers, 20)
}

// A list that stays full is worth one line, however often there is news of more peers.
func TestFullListIsLoggedOnce(t *testing.T) {
	t.Parallel()
	nowhere := "http://" + refused(t)
	var lists atomic.Int64
	list := pingmesh("near", nowhere+"/a", nowhere+"/b", nowhere+"/c")
	near := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Mconnect-Mesh", fmt.Sprintf("i %d", lists.Load()))
		list.ServeHTTP(w, r)
		if r.URL.Path == "/v1/peers" {
			lists.Add(1)
		}
	}))
	log := &text{}
	begin(t, mesh.Options{MaxPeers: 2, Log: slog.New(slog.NewTextHandler(log, nil)), Peers: []mesh.Target{target(t, near+"/v1/ping?addpeers=true")}})
	require.Eventually(t, func() bool { return lists.Load() > 5 }, patience, often)
	assert.Equal(t, 1, strings.Count(log.String(), "Not all of a peer's peers are pinged: the list is full"))
}
