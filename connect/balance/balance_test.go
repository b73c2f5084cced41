package balance_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		counts []int64
		want   balance.Balance
	}{
		"nobody":       {nil, balance.Balance{}},
		"no answers":   {[]int64{0, 0}, balance.Balance{Hosts: 2}},
		"one host":     {[]int64{50}, balance.Balance{Hosts: 1, MinShare: 1, MaxShare: 1, Jain: 1, PValue: 1}},
		"dealt out":    {[]int64{100, 100, 100, 100}, balance.Balance{Hosts: 4, MinShare: .25, MaxShare: .25, Jain: 1, PValue: 1}},
		"all on one":   {[]int64{100, 0, 0, 0}, balance.Balance{Hosts: 4, MinShare: 0, MaxShare: 1, CV: 1.7320508, Jain: .25, Chi2: 300, PValue: 1e-64}},
		"a fair die":   {[]int64{16, 18, 16, 14, 12, 12}, balance.Balance{Hosts: 6, MinShare: 12. / 88, MaxShare: 18. / 88, CV: .150756, Jain: .977778, Chi2: 2, PValue: .849145}},
		"a loaded die": {[]int64{5, 8, 9, 8, 10, 20}, balance.Balance{Hosts: 6, MinShare: 5. / 60, MaxShare: 20. / 60, CV: .472582, Jain: .817439, Chi2: 13.4, PValue: .019905}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := balance.Of(row.counts)
			assert.Equal(t, row.want.Hosts, got.Hosts)
			assert.InDelta(t, row.want.MinShare, got.MinShare, 1e-5)
			assert.InDelta(t, row.want.MaxShare, got.MaxShare, 1e-5)
			assert.InDelta(t, row.want.CV, got.CV, 1e-4)
			assert.InDelta(t, row.want.Jain, got.Jain, 1e-4)
			assert.InDelta(t, row.want.Chi2, got.Chi2, 1e-4)
			assert.InDelta(t, row.want.PValue, got.PValue, 1e-4)
		})
	}
}
