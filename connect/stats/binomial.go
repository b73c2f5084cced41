package stats

import "math"

// AtLeast is the probability that at least k of n independent events happen, each with probability p.
func AtLeast(k, n int, p float64) float64 {
	fewer, term := 0.0, math.Pow(1-p, float64(n)) // none
	for i := range k {
		fewer += term
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
	}
	return max(0, 1-fewer)
}
