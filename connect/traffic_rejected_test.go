package connect

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echoDatagrams sends datagrams back, so many at most; 0 is until the socket is closed.
func echoDatagrams(conn *net.UDPConn, most int) {
	buffer := make([]byte, 64<<10)
	for i := 0; most == 0 || i < most; i++ {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
	}
}

// A server over UDP that is gone for a moment, for which its host answers by ICMP, costs packets and no flow, as silence does. One that stays away
// costs the flows, and the message is told.
func TestTrafficOutlastsICMP(t *testing.T) {
	t.Parallel()
	for name, isBack := range map[string]bool{"for a moment": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				const flows, loss = 4, 2 * time.Second
				first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				require.NoError(t, err)
				address := first.LocalAddr().(*net.UDPAddr)
				to := target(t, address)
				done := make(chan *TrafficResult)
				go func() {
					r, err := e.Traffic(t.Context(), TrafficPlan{
						Plan:       Plan{Network: "udp", Targets: []Target{to}, Connections: flows},
						Throughput: 200, Duration: 2 * loss, LossTimeout: loss,
					})
					assert.NoError(t, err)
					done <- r
				}()
				echoDatagrams(first, 10*flows)
				first.Close()
				if isBack {
					<-time.After(loss / 4) // in which ICMP messages come
					again, err := net.ListenUDP("udp", address)
					require.NoError(t, err)
					defer again.Close()
					go echoDatagrams(again, 0)
				}
				r := <-done
				requireTrafficSums(t, r)
				assert.Greater(t, r.Sent, r.Received, "packets are lost")
				if isBack {
					assert.Zero(t, r.Lost, "%v", r.First)
					assert.EqualValues(t, flows, r.Lasting)
					return
				}
				assert.GreaterOrEqual(t, r.Lost, int64(flows), "and those that are dialed anew have failed")
				assert.Contains(t, r.First[ClassRefused].Error(), "refused")
				assert.Zero(t, r.Errors[ClassNoReply])
				assert.Less(t, r.List[0].At, r.List[0].Missed, "a flow is lost at its last echo")
			})
		})
	}
}

// If the rate is too low for a single packet, the call knows nothing of the target: a UDP flow is established without one.
func TestTrafficThatSendsNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		nobody, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		require.NoError(t, nobody.Close())
		r, err := e.Traffic(t.Context(), TrafficPlan{
			Plan:       Plan{Network: "udp", Targets: []Target{target(t, nobody.LocalAddr())}, Connections: 3},
			Throughput: 1e-6, Duration: 100 * time.Millisecond,
		})
		require.NoError(t, err)
		assert.Zero(t, r.Sent)
		assert.EqualValues(t, 3, r.Unused)
		assert.EqualValues(t, 3, r.Down)
	})
}
