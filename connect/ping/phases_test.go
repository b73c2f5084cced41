package ping_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// delay is what each row adds to one phase: far above what the other phases take on a busy machine.
const delay = time.Second

// Each delay counts for the phase in which it happens, and for no other.
func TestDelaysBelongToTheirPhase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		resolver time.Duration
		peer     delays
		slow     ping.Phase
	}{
		{"none", 0, delays{}, ping.PhaseNone},
		{"DNS", delay, delays{}, ping.PhaseDNS},
		// The kernel has answered the SYN long before the server accepts, so TCP is established in time.
		{"accept", 0, delays{accept: delay}, ping.PhaseTLS},
		{"TLS handshake", 0, delays{handshake: delay}, ping.PhaseTLS},
		{"first byte", 0, delays{header: delay}, ping.PhaseFirstByte},
		// The peer's pause begins when it has written, which is before the first byte is seen here: hence twice.
		{"body", 0, delays{body: 2 * delay}, ping.PhaseLastByte},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			peer := slowPeer(t, listen(t), test.peer)
			checkPhases(t, pingPeer(t, peer.Listener.Addr(), ping.Plan{TLS: trusting(peer), Resolve: stubResolver(t, test.resolver)}), test.slow)
		})
	}
}

// pingPeer pings a peer by name, so that a resolver has something to do.
func pingPeer(t *testing.T, at net.Addr, plan ping.Plan) *ping.Result {
	t.Helper()
	plan.URL, plan.Timeout = urlOf(t, at), time.Minute
	return do(t, plan)
}

func urlOf(t *testing.T, peer net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(peer.String())
	require.NoError(t, err)
	return "https://" + net.JoinHostPort(peerName, port) + "/v1/ping"
}

func checkPhases(t *testing.T, r *ping.Result, slow ping.Phase) {
	t.Helper()
	require.NoError(t, r.Err)
	assert.Equal(t, class.None, r.Class)
	assert.Equal(t, 200, r.Status)
	assert.EqualValues(t, len(page), r.Size)
	assert.Equal(t, "Hamburg", r.Location)
	for phase, length := range map[ping.Phase]time.Duration{
		ping.PhaseDNS: r.DNS, ping.PhaseConnect: r.Connect, ping.PhaseTLS: r.TLS, ping.PhaseFirstByte: r.FirstByte, ping.PhaseLastByte: r.LastByte,
	} {
		assert.Positive(t, length, "%s", phase)
		if phase == slow {
			assert.GreaterOrEqual(t, length, delay, "%s", phase)
		} else {
			assert.Less(t, length, delay, "%s", phase)
		}
	}
	assert.Equal(t, r.Connect+r.TLS+r.FirstByte+r.LastByte, r.Total, "total, without DNS")
}

// A plain request has no handshake, and an address needs no look-up.
func TestPhasesThatDoNotTakePlace(t *testing.T) {
	t.Parallel()
	r, err := ping.Do(t.Context(), ping.Plan{URL: plainPeer(t, servePage).URL})
	require.NoError(t, err)
	require.NoError(t, r.Err)
	assert.Zero(t, r.DNS)
	assert.Zero(t, r.TLS)
	assert.Positive(t, r.Connect)
	assert.Equal(t, r.Connect+r.FirstByte+r.LastByte, r.Total)
}

// The answer's first byte is the final answer's: a 1xx before it only says that one will come.
func TestFirstByteIsTheFinalAnswers(t *testing.T) {
	t.Parallel()
	for name, hints := range map[string]int{"one": 1, "several": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := do(t, ping.Plan{Timeout: time.Minute, URL: plainPeer(t, func(w http.ResponseWriter, _ *http.Request) {
				for range hints {
					w.Header().Set("Link", "</style.css>; rel=preload")
					w.WriteHeader(http.StatusEarlyHints)
				}
				time.Sleep(delay)
				fmt.Fprint(w, page)
			}).URL})
			require.NoError(t, r.Err)
			assert.Equal(t, 200, r.Status)
			assert.GreaterOrEqual(t, r.FirstByte, delay)
			assert.Less(t, r.LastByte, delay)
			assert.Equal(t, r.Connect+r.FirstByte+r.LastByte, r.Total)
		})
	}
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		r := do(t, ping.Plan{URL: rawPeer(t, says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))})
		require.NoError(t, r.Err)
		assert.Equal(t, 204, r.Status)
		assert.Positive(t, r.FirstByte)
	})
}
