package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// A UDP session whose last packets have no echo is well if chance explains that.
func TestSessionLacksLast(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sent, received, unheard int64
		well                    bool
	}{
		"a few are always lost by chance":  {40, 37, 3, true},
		"nothing came back":                {3, 0, 3, false},
		"none got lost before":             {40, 36, 4, false},
		"a quarter got lost before":        {40, 27, 5, true},
		"a quarter, and the whole end":     {80, 30, 40, false},
		"one of four may be chance itself": {8, 3, 4, false},
		"as many, but a small share":       {1000, 990, 5, false},
	} {
		s := session{life: life{Packets: engine.Packets{Sent: row.sent, Received: row.received}, unheard: row.unheard}}
		assert.Equal(t, row.well, s.lacksLast(), name)
	}
}
