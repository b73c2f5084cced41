package rules

import "strings"

// longName is how long a name is that nobody gives to a host twice over.
const longName = 4

// repeats returns how often a name is that of a host, one after the other: 1, 2 or 3. A name that is expected is one.
func repeats(name string, expected map[string]float64, known func(string) bool) int {
	if _, isName := expected[name]; isName {
		return 1
	}
	for times := 2; times <= 3; times++ {
		if part := partOf(name, times); part != "" && (known(part) || len(part) >= longName) {
			return times
		}
	}
	return 1
}

// HalfOf returns the name that another consists of twice over, "" if it does not.
func HalfOf(name string) string { return partOf(name, 2) }

// partOf returns the name that another consists of so many times over, "" if it does not.
func partOf(name string, times int) string {
	part := name[:len(name)/times]
	if strings.Repeat(part, times) != name {
		return ""
	}
	return part
}
