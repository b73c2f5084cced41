package packets

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// Segments of no connection are refused, and RSTs are not answered.
func TestAnswersToStrangers(t *testing.T) {
	t.Parallel()
	const mss = 1460
	clientAddr, ownAddr := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:5001")
	s := &Service{Count: Counters{Accepted: new(atomic.Int64), Left: new(atomic.Int64)}}
	first := number(clientAddr, ownAddr)
	for name, row := range map[string]struct {
		in   wire.TCP
		want *wire.TCP
	}{
		"SYN":                       {wire.TCP{Flags: wire.SYN, Seq: 7}, &wire.TCP{Flags: wire.SYN | wire.ACK, Seq: first, Ack: 8, Window: window, MSS: mss}},
		"SYN-ACK":                   {wire.TCP{Flags: wire.SYN | wire.ACK, Seq: 7, Ack: 9}, &wire.TCP{Flags: wire.RST, Seq: 9}},
		"RST":                       {wire.TCP{Flags: wire.RST, Seq: 7}, nil},
		"RST of a SYN":              {wire.TCP{Flags: wire.RST | wire.SYN, Seq: 7}, nil},
		"ACK of another connection": {wire.TCP{Flags: wire.ACK, Seq: 7, Ack: first - 1}, &wire.TCP{Flags: wire.RST, Seq: first - 1}},
		"no flags":                  {wire.TCP{Seq: 7}, nil},
		"FIN without ACK":           {wire.TCP{Flags: wire.FIN, Seq: 7}, nil},
	} {
		out, ok := s.Answer(&row.in, clientAddr, ownAddr, mss, nil)
		assert.Equal(t, row.want != nil, ok, name)
		if row.want != nil {
			assert.Equal(t, *row.want, out, name)
		}
	}
	assert.Zero(t, s.Count.Accepted.Load()+s.Count.Left.Load())
}
