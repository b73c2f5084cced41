package rules

import "strings"

// longName is how long a name is that nobody gives to a host twice over.
const longName = 4

// repeats returns how often a name is that of a host, one after the other. A name that is expected is one.
func repeats(name string, expected map[string]float64, known func(string) bool) (times int) {
	if _, isName := expected[name]; isName || name == "" {
		return 1
	}
	least := name[:1+strings.Index((name + name)[1:], name)] // that the name consists of
	if len(least) >= longName || known(least) {
		return len(name) / len(least)
	}
	return 1
}

// HalfOf returns the name that another consists of twice over, "" if it does not.
func HalfOf(name string) string {
	half := name[:len(name)/2]
	if half+half != name {
		return ""
	}
	return half
}
