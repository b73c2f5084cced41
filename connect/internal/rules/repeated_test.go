package rules

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	known := func(name string) bool { return name == "w1" }
	expected := map[string]float64{"nodenode": 1}
	for name, want := range map[string]int{
		"web-1":                  1,
		"web-1web-1":             2,
		"web-1web-1web-1":        3,
		"web-1web-2":             1,
		"web-1web-1web-1web-1":   4,
		"nodenode":               1, // it is expected
		"abab":                   1, // short, and no host is called "ab"
		"w1w1":                   2,
		"w1w1w1":                 3,
		"xxxxxxxx":               1, // a row of one letter
		strings.Repeat("x", 255): 1,
		"":                       1,
	} {
		assert.Equal(t, want, repeats(name, expected, known), "%q", name)
	}
}
