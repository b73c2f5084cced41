package rules

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	known := func(name string) bool { return name == "w1" || name == "tock" }
	expected := map[string]float64{"nodenode": 1, "gamma": 1}
	for name, want := range map[string]int{
		"web-1":                  1,
		"web-1web-1":             2,
		"web-1web-1web-1":        3,
		"web-1web-2":             1,
		"web-1web-1web-1web-1":   4,
		"nodenode":               1, // it is expected
		"abab":                   1, // short, and no host is called "ab"
		"ticktick":               1, // a word, and no host is called so
		"tocktock":               2, // a host is
		"gammagamma":             2, // a host is to be
		"12341234":               1, // no letter
		"ok 1ok 1":               1, // two words
		"-ERR-ERR":               1,
		"web.1web.1":             2,
		"5f2a5f2a":               2,
		"w1w1":                   2,
		"w1w1w1":                 3,
		"xxxxxxxx":               1, // a row of one letter
		strings.Repeat("x", 255): 1,
		"":                       1,
	} {
		assert.Equal(t, want, repeats(name, expected, known), "%q", name)
	}
}

func TestTellings(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int{
		"web-1":                                      0,
		"web-1web-1":                                 0,
		"web-1\t192.0.2.1:80":                        1,
		"web-1\t192.0.2.1:80web-1\t192.0.2.1:80":     2,
		"w\t[2001:db8::1]:80w\t[2001:db8::1]:80":     2,
		"w\t192.0.2.1:8w\t192.0.2.1:8w\t192.0.2.1:8": 3,
		"web-1\t192.0.2.1:80web-2\t192.0.2.1:80":     0, // no address at all
		"web-1\t":                                    0,
		"\t192.0.2.1:80":                             0,
		"ok\tfine ok\tfine":                          0,
		"":                                           0,
	} {
		assert.Equal(t, want, tellings([]byte(answer)), "%q", answer)
	}
}
