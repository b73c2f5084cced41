package mesh

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Names that are looked up in vain take their time, but do not keep out those that come after them, and are not pinged at the
// addresses that others tell.
func TestFollowingGoesOnWhereTimeWasUp(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	defer AskDNS(silent.LocalAddr().String())()
	m, err := Start(Options{Location: "here", Delay: time.Hour})
	require.NoError(t, err)
	defer m.Stop()
	f := &follower{mesh: m, peer: &peer{}}
	list := []told{
		{URL: "http://a.invalid/", PeerIP: "127.0.0.1"},
		{URL: "http://b.invalid/", PeerIP: "127.0.0.1"},
		{URL: "http://127.0.0.1:1/", PeerIP: "127.0.0.1"},
	}
	for attempt, known := range []int{0, 0, 1} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		require.Error(t, f.hearAll(ctx, "page", list))
		cancel()
		assert.Len(t, m.list.order, known, "attempt %d", attempt)
	}
	assert.Equal(t, "http://127.0.0.1:1/", m.list.order[0].URL)
}
