package program

import (
	"bytes"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSources(t *testing.T) {
	t.Parallel()
	a, b, c := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:1"), netip.MustParseAddrPort("[::1]:1")
	for name, row := range map[string]struct {
		seen []netip.AddrPort
		want string
	}{
		"none":                    {nil, "sources.different=0 sources.min=0 sources.max=0 sources.beyond_limit=0"},
		"ports do not matter":     {[]netip.AddrPort{a, netip.AddrPortFrom(a.Addr(), 2)}, "sources.different=1 sources.min=2 sources.max=2"},
		"the rarest and the most": {[]netip.AddrPort{a, b, b, b}, "sources.different=2 sources.min=1 sources.max=3"},
		"no more than the limit":  {[]netip.AddrPort{a, b, c, c, b}, "sources.different=2 sources.min=1 sources.max=2 sources.beyond_limit=2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSources(2)
			for i, client := range row.seen {
				if i%2 == 0 {
					s.tcp(client)
					continue
				}
				s.udp(client)
			}
			var line bytes.Buffer
			slog.New(slog.NewTextHandler(&line, nil)).Info("Stopped", "sources", s)
			assert.Contains(t, line.String(), row.want)
		})
	}
}
