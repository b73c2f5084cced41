package connect

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server over UDP that is gone for a moment, for which its host answers by ICMP, ends no flow that has been answered, unless an answer is missing
// for the patience. Then the message is told.
func TestHoldOutlastsICMP(t *testing.T) {
	t.Parallel()
	for name, isBack := range map[string]bool{"for a moment": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				const flows, interval, patience = 4, 50 * time.Millisecond, 2 * time.Second
				first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				require.NoError(t, err)
				address := first.LocalAddr().(*net.UDPAddr)
				plan := HoldPlan{Plan: Plan{Network: "udp", Targets: []Target{target(t, address)}, Connections: flows}, Keepalive: interval, KeepaliveTimeout: patience}
				if isBack {
					plan.Duration = 2 * patience
				}
				held, err := e.Hold(t.Context(), plan)
				require.NoError(t, err)
				echoDatagrams(first, 10*flows)
				first.Close()
				if isBack {
					<-time.After(patience / 4) // in which ICMP messages come
					again, err := net.ListenUDP("udp", address)
					require.NoError(t, err)
					defer again.Close()
					go echoDatagrams(again, 0)
				}
				<-held.Done()
				r := held.Result()
				if isBack {
					assert.Zero(t, r.States.Error, "%v", r.First)
					assert.EqualValues(t, flows, r.EstablishedAtClose)
					assert.Greater(t, r.EchoTime.Max, patience/8, "until an answer came, the spell included")
					return
				}
				assert.Equal(t, map[Class]int64{ClassRefused: flows}, r.Errors)
				assert.Contains(t, r.First[ClassRefused].Error(), "refused")
				for _, l := range r.List {
					assert.Less(t, l.At, l.Missed, "a flow is lost at its last answer")
				}
			})
		})
	}
}
