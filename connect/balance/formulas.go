package balance

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// spread is the coefficient of variation of values, standard deviation over mean, and their fairness index, the square of
// the sum over n times the sum of squares. Values that are all 0 have neither.
func spread(values []float64) (cv, jain float64) {
	var sum, squares float64
	for _, x := range values {
		sum += x
		squares += x * x
	}
	if sum == 0 {
		return 0, 0
	}
	n := float64(len(values))
	var deviations float64
	for _, x := range values {
		deviations += (x - sum/n) * (x - sum/n)
	}
	return math.Sqrt(deviations/n) / (sum / n), sum * sum / (n * squares)
}

// chiSquaredTail is the probability that a chi-squared variable exceeds x: the regularized upper incomplete gamma
// function Q(df/2, x/2) (Abramowitz and Stegun 26.4.19).
func chiSquaredTail(x float64, df int) float64 {
	if df < 1 {
		return 1
	}
	return mathext.GammaIncRegComp(float64(df)/2, x/2)
}
