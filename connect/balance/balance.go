// Package balance judges how evenly connections are spread over the hosts that answered them.
package balance

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Balance describes a distribution against an equal one. All fields but Hosts are zero without any connection.
type Balance struct {
	Hosts    int     `json:"hosts"`     // hosts that answered
	MinShare float64 `json:"min_share"` // the smallest part one host got, 0 to 1
	MaxShare float64 `json:"max_share"` // the largest part one host got, 0 to 1
	// CV is the coefficient of variation: standard deviation over mean of the hosts' counts; 0 is perfect balance.
	CV float64 `json:"cv"`
	// Jain is the fairness index of Jain, Chiu and Hawe (DEC-TR-301, 1984): 1 is perfect balance, 1/Hosts the worst.
	Jain float64 `json:"jain"`
	// Chi2 is Pearson's chi-squared statistic against equal shares (Pearson 1900), with Hosts-1 degrees of freedom.
	Chi2 float64 `json:"chi2"`
	// PValue is the probability of a spread at least this uneven if every connection picked a host at random, all being
	// equally likely: small means the hosts are not chosen equally, near 1 that they are dealt out in turn.
	PValue float64 `json:"p_value"`
}

// Of judges the number of connections that each host answered.
func Of(counts []int64) Balance {
	b := Balance{Hosts: len(counts)}
	var sum, squares float64
	for _, n := range counts {
		sum += float64(n)
		squares += float64(n) * float64(n)
	}
	if sum == 0 {
		return b
	}
	hosts := float64(len(counts))
	mean := sum / hosts
	b.MinShare = 1
	var deviations float64
	for _, n := range counts {
		share := float64(n) / sum
		b.MinShare, b.MaxShare = min(b.MinShare, share), max(b.MaxShare, share)
		deviations += (float64(n) - mean) * (float64(n) - mean)
	}
	b.CV = math.Sqrt(deviations/hosts) / mean
	b.Jain = sum * sum / (hosts * squares)
	b.Chi2 = deviations / mean
	b.PValue = chiSquaredTail(b.Chi2, len(counts)-1)
	return b
}

// chiSquaredTail is the probability that a chi-squared variable exceeds x: the regularized upper incomplete gamma
// function Q(df/2, x/2) (Abramowitz and Stegun 26.4.19).
func chiSquaredTail(x float64, df int) float64 {
	if df < 1 {
		return 1
	}
	return mathext.GammaIncRegComp(float64(df)/2, x/2)
}
