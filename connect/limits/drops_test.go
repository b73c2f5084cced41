package limits

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Packets go on while the counters are read, so the drops until now are rather too many, and those since then too few.
func TestDropsOfReadings(t *testing.T) {
	t.Parallel()
	first := counters{requested: 100, transmitted: 102, received: 50, delivered: 30, resends: 3, forged: 1}
	assert.Equal(t, Drops{Unread: 20, Resends: 3, Forged: 1}, first.drops(), "2 were sent between the counters")
	second := counters{requested: 105, transmitted: 105, received: 51, delivered: 31}
	assert.Equal(t, Drops{Unsent: 5, Unread: 21, Resends: 3, Forged: 1}, bound(first, second))
	assert.Equal(t, Drops{}, Drops{Unsent: math.MaxUint64, Resends: math.MaxUint64, Unread: math.MaxUint64, Forged: math.MaxUint64, Resets: math.MaxUint64, Strays: math.MaxUint64}.Since())
}

// Answers that were rejected account for connections that lack one if there are as many.
func TestExplainStrays(t *testing.T) {
	t.Parallel()
	d := Drops{Resets: 3, Strays: 2}
	assert.Contains(t, d.ExplainStrays(false, 3), "rejected 3 TCP segments")
	assert.Empty(t, d.ExplainStrays(false, 4))
	assert.Contains(t, d.ExplainStrays(true, 2), "rejected 2 datagrams")
	assert.Empty(t, d.ExplainStrays(true, 3))
	assert.Empty(t, d.ExplainStrays(true, 0))
}

// Drops account for failures if there are as many, and more than may be under way.
func TestExplainDrops(t *testing.T) {
	t.Parallel()
	many := underWay() + 1
	for name, row := range map[string]struct {
		drops    Drops
		failures int64
		want     string
	}{
		"none":                                {Drops{}, 1, ""},
		"of no failure":                       {Drops{Unsent: many, Unread: many, Resends: many}, 0, ""},
		"one that was sent again":             {Drops{Resends: 1}, 1, "dropped 1 of the packets that it had to send"},
		"too few that were sent again":        {Drops{Resends: 1}, 2, ""},
		"some that may be under way":          {Drops{Unsent: underWay()}, 1, ""},
		"enough":                              {Drops{Unsent: many}, int64(many), "of the packets that it had to send"},
		"too few":                             {Drops{Unsent: many}, int64(many) + 1, ""},
		"what came":                           {Drops{Unread: many}, int64(many), "packets that came for it meanwhile: look at its firewall"},
		"what may be on its way up":           {Drops{Unread: underWay()}, 1, ""},
		"what came through another interface": {Drops{Unread: many, Forged: many}, 1, "rp_filter"},
	} {
		said := row.drops.Explain(row.failures)
		if row.want == "" {
			assert.Empty(t, said, name)
		} else {
			assert.Contains(t, said, row.want, name)
		}
	}
}
