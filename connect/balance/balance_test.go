package balance_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
)

// answers names counts.
func answers(counts ...int64) map[string]int64 {
	hosts := map[string]int64{}
	for i, n := range counts {
		hosts[fmt.Sprint(i)] = n
	}
	return hosts
}

func TestOfEqualShares(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		counts []int64
		want   balance.Balance
	}{
		"nobody":       {nil, balance.Balance{}},
		"no answers":   {[]int64{0, 0}, balance.Balance{Hosts: 2}},
		"one host":     {[]int64{50}, balance.Balance{Hosts: 1, MinShare: 1, MaxShare: 1, MaxLoad: 1, Jain: 1, PValue: 1}},
		"dealt out":    {[]int64{100, 100, 100, 100}, balance.Balance{Hosts: 4, MinShare: .25, MaxShare: .25, MaxLoad: 1, Jain: 1, PValue: 1}},
		"all on one":   {[]int64{100, 0, 0, 0}, balance.Balance{Hosts: 4, MinShare: 0, MaxShare: 1, MaxLoad: 4, CV: 1.7320508, Jain: .25, Chi2: 300, PValue: 1e-64}},
		"a fair die":   {[]int64{16, 18, 16, 14, 12, 12}, balance.Balance{Hosts: 6, MinShare: 12. / 88, MaxShare: 18. / 88, MaxLoad: 108. / 88, CV: .150756, Jain: .977778, Chi2: 2, PValue: .849145}},
		"a loaded die": {[]int64{5, 8, 9, 8, 10, 20}, balance.Balance{Hosts: 6, MinShare: 5. / 60, MaxShare: 20. / 60, MaxLoad: 2, CV: .472582, Jain: .817439, Chi2: 13.4, PValue: .019905}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := balance.Of(answers(row.counts...), nil)
			requireAlmost(t, row.want, got)
			assert.Nil(t, got.Expected)
			same := map[string]float64{}
			for name := range answers(row.counts...) {
				same[name] = 7
			}
			requireAlmost(t, row.want, balance.Of(answers(row.counts...), same))
		})
	}
}

func requireAlmost(t *testing.T, want, got balance.Balance) {
	t.Helper()
	assert.Equal(t, want.Hosts, got.Hosts)
	assert.Equal(t, want.Unexpected, got.Unexpected)
	for name, pair := range map[string][2]float64{
		"min_share": {want.MinShare, got.MinShare},
		"max_share": {want.MaxShare, got.MaxShare},
		"max_load":  {want.MaxLoad, got.MaxLoad},
		"cv":        {want.CV, got.CV},
		"jain":      {want.Jain, got.Jain},
		"chi2":      {want.Chi2, got.Chi2},
		"p_value":   {want.PValue, got.PValue},
	} {
		assert.InDelta(t, pair[0], pair[1], 1e-4, name)
	}
}

func TestOfWeights(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answers map[string]int64
		weights map[string]float64
		want    balance.Balance
		shares  map[string]float64
	}{
		"as they are due": {
			map[string]int64{"a": 300, "b": 100},
			map[string]float64{"a": 3, "b": 1},
			balance.Balance{Hosts: 2, MinShare: .25, MaxShare: .75, MaxLoad: 1, Jain: 1, PValue: 1},
			map[string]float64{"a": .75, "b": .25},
		},
		// Mendel's peas, 9:3:3:1, as in R's chisq.test(c(315, 108, 101, 32), p = c(9, 3, 3, 1)/16).
		"Mendel's peas": {
			map[string]int64{"ry": 315, "rg": 108, "wy": 101, "wg": 32},
			map[string]float64{"ry": 9, "rg": 3, "wy": 3, "wg": 1},
			balance.Balance{Hosts: 4, MinShare: 32. / 556, MaxShare: 315. / 556, MaxLoad: 108. / 556 * 16 / 3, CV: .043902, Jain: .998076, Chi2: .470024, PValue: .925426},
			map[string]float64{"ry": 9. / 16, "rg": 3. / 16, "wy": 3. / 16, "wg": 1. / 16},
		},
		"one is silent": {
			map[string]int64{"a": 100},
			map[string]float64{"a": 1, "b": 1},
			balance.Balance{Hosts: 2, MinShare: 0, MaxShare: 1, MaxLoad: 2, CV: 1, Jain: .5, Chi2: 100},
			map[string]float64{"a": .5, "b": .5},
		},
		"a stranger answers": {
			map[string]int64{"a": 45, "b": 45, "c": 10},
			map[string]float64{"a": 1, "b": 1},
			balance.Balance{Hosts: 3, MinShare: .1, MaxShare: .45, MaxLoad: .9, Jain: 1, Chi2: 1, Unexpected: 10},
			map[string]float64{"a": .5, "b": .5, "c": 0},
		},
		"one that is drained answers": {
			map[string]int64{"a": 99, "b": 1},
			map[string]float64{"a": 1, "b": 0},
			balance.Balance{Hosts: 2, MinShare: .01, MaxShare: .99, MaxLoad: .99, Jain: 1, Chi2: .01, Unexpected: 1},
			map[string]float64{"a": 1, "b": 0},
		},
		"one that is drained is silent": {
			map[string]int64{"a": 99},
			map[string]float64{"a": 1, "b": 0},
			balance.Balance{Hosts: 1, MinShare: 1, MaxShare: 1, MaxLoad: 1, Jain: 1, PValue: 1},
			map[string]float64{"a": 1},
		},
		"only strangers": {
			map[string]int64{"c": 10},
			map[string]float64{"a": 1},
			balance.Balance{Hosts: 2, MinShare: 0, MaxShare: 1, Chi2: 10, Unexpected: 10},
			map[string]float64{"a": 1, "c": 0},
		},
		"nobody": {
			nil,
			map[string]float64{"a": 1, "b": 3},
			balance.Balance{Hosts: 2},
			map[string]float64{"a": .25, "b": .75},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := balance.Of(row.answers, row.weights)
			requireAlmost(t, row.want, got)
			due := got.Expected
			assert.Equal(t, row.shares, due)
		})
	}
}
