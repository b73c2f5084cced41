// Package balance judges how connections are spread over the hosts that answered them: against equal shares, or against
// the weights that the hosts have.
package balance

import (
	"maps"
	"slices"
)

// Balance describes a distribution against the shares that are due. Without any connection, all figures but Hosts are zero.
type Balance struct {
	Hosts    int     `json:"hosts"`     // that answered, or have a weight above 0
	MinShare float64 `json:"min_share"` // the smallest part one of them got, 0 to 1
	MaxShare float64 `json:"max_share"` // the largest part one of them got, 0 to 1
	// MaxLoad is the most that a host got, in relation to its due: 1 is perfect balance, 1.5 half as much again. Hosts that
	// are due nothing don't count here.
	MaxLoad float64 `json:"max_load"`
	// CV is the coefficient of variation (Pearson 1896) of the hosts' loads, which are what they got in relation to their due:
	// standard deviation over mean; 0 is perfect balance.
	CV float64 `json:"cv"`
	// Jain is the fairness index of the hosts' loads (Jain, Chiu and Hawe, DEC-TR-301, 1984): 1 is perfect balance, 1/Hosts the
	// worst.
	Jain float64 `json:"jain"`
	// Chi2 is Pearson's chi-squared statistic against the due shares (Pearson 1900). Its degrees of freedom are the hosts that
	// are due something, less 1.
	Chi2 float64 `json:"chi2"`
	// PValue is the probability of a spread at least this far from the due shares if every connection picked a host at
	// random with these chances: small means the hosts are not chosen so, near 1 that they are dealt out in turn. It is 0
	// if a host answered that is due nothing.
	PValue float64 `json:"p_value"`
	// Unexpected counts the answers of hosts that are due nothing: their weight is 0, or they have none though others have.
	Unexpected int64 `json:"unexpected"`
	// Expected are the shares due by the weights, 0 to 1; nil without weights: equal ones.
	Expected map[string]float64 `json:"expected,omitempty"`
}

// Of judges the number of connections that each host answered. Weights are the shares that hosts are due, in relation to each
// other; nil means that all who answered are due the same. A host that has a weight and did not answer counts as 0.
func Of(answers map[string]int64, weights map[string]float64) Balance {
	if weights == nil {
		return judge(slices.Collect(maps.Values(answers)), func(int) float64 { return 1 / float64(len(answers)) })
	}
	expected := shares(weights, answers)
	names := slices.Collect(maps.Keys(expected))
	counts := make([]int64, len(names))
	for i, name := range names {
		counts[i] = answers[name]
	}
	b := judge(counts, func(i int) float64 { return expected[names[i]] })
	b.Expected = expected
	return b
}

// PValueOfDraws is PValue where connections were dealt out in so many draws of about the same size, such as all those of a source address by a balancer
// that hashes these. Chance spreads them wider then.
func PValueOfDraws(draws int64, answers map[string]int64, weights map[string]float64) float64 {
	b := Of(answers, weights)
	due, connections := 0, int64(0)
	for _, n := range answers {
		connections += n
	}
	if weights == nil {
		due = len(answers)
	}
	for _, weight := range weights {
		if weight > 0 {
			due++
		}
	}
	if b.Unexpected > 0 || connections == 0 {
		return b.PValue
	}
	return chiSquaredTail(b.Chi2*float64(draws)/float64(connections), due-1)
}

// shares are those due to each host with a weight above 0, and 0 for others that answered.
func shares(weights map[string]float64, answers map[string]int64) map[string]float64 {
	var sum float64
	for _, weight := range weights {
		sum += max(0, weight)
	}
	due := make(map[string]float64, len(weights))
	for name := range answers {
		due[name] = 0
	}
	for name, weight := range weights {
		if weight > 0 {
			due[name] = weight / sum
		}
	}
	return due
}

// judge compares counts with the share that is due to each.
func judge(counts []int64, due func(i int) float64) Balance {
	b := Balance{Hosts: len(counts)}
	var sum int64
	for _, n := range counts {
		sum += n
	}
	if sum == 0 {
		return b
	}
	b.MinShare = 1
	loads := make([]float64, 0, len(counts))
	for i, n := range counts {
		share := float64(n) / float64(sum)
		b.MinShare, b.MaxShare = min(b.MinShare, share), max(b.MaxShare, share)
		if due(i) == 0 {
			b.Unexpected += n
			continue
		}
		load := share / due(i)
		b.MaxLoad = max(b.MaxLoad, load)
		b.Chi2 += (load - 1) * (load - 1) * due(i) * float64(sum) // (observed - expected)² / expected
		loads = append(loads, load)
	}
	b.CV, b.Jain = spread(loads)
	if b.Unexpected == 0 {
		b.PValue = chiSquaredTail(b.Chi2, len(loads)-1)
	}
	return b
}
