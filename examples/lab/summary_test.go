//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	of := func(balancer, change, what, measured, ideal string, ok bool) told {
		return told{Balancer: balancer, row: row{Change: change, What: what, Measured: measured, Ideal: ideal, OK: ok}}
	}
	var out strings.Builder
	summary(&out, []told{
		of("ecmp", "web-03 leaves", "share lost", "0.50", "0.50", true),
		of("ecmp", "all", verdictsRow, "none", "none", true),
		of("ecmp", "web-03 leaves", "share lost", "0.80", "0.50", false), // over the other IP version
		of("ecmp", "none", "round trip, µs", "9", noIdeal, true),
		of("ecmp", "none", "reconnects", "0", "0", true),
		of("xdp", "none", "reconnects", "0", "0", true),
		of("xdp", "web-03 drains", "share lost", "0.10", "0.10", true),
	})
	assert.Equal(t, `
| share lost | web-03 leaves | web-03 drains |
|---|---|---|
| `+"`ecmp`"+` | 0.50, 0.80 NOK (0.50) | – |
| `+"`xdp`"+` | – | 0.10 (0.10) |

| round trip, µs | none |
|---|---|
| `+"`ecmp`"+` | 9 |

Everywhere: reconnects: 0 (0).
`, out.String())
}
