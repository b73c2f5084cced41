package verdicts

import (
	"maps"
	"slices"
)

// mostGarbled is in how many bytes a name may differ from one that it was.
const mostGarbled = 2

// garbled returns the expected host that a name stands for if a few of its bytes were changed on the way, and how many bytes that are; "" if there
// is none. places are those in which the names of hosts differ, such as a number at the end. A name that differs there is another host's.
func garbled(name string, want map[string]float64, places map[int]bool) (like string, changed int) {
	if len(want) < 2 {
		return "", 0
	}
	for _, host := range slices.Sorted(maps.Keys(want)) {
		if n := differences(name, host, places); n > 0 && n <= mostGarbled {
			return host, n
		}
	}
	return "", 0
}

// differences counts the bytes in which two names differ. It is 0, too, if changed bytes do not explain the difference: the names have different
// lengths, or differ in one of the places.
func differences(a, b string, places map[int]bool) (n int) {
	if len(a) != len(b) {
		return 0
	}
	for i := range len(a) {
		switch {
		case a[i] == b[i]:
		case places[i]:
			return 0
		default:
			n++
		}
	}
	return n
}

// differing are the places in which hosts' names differ.
func differing(hosts map[string]float64) map[int]bool {
	places, first := map[int]bool{}, map[int]byte{}
	for host := range hosts {
		for i := range len(host) {
			if at, known := first[i]; !known {
				first[i] = host[i]
			} else if at != host[i] {
				places[i] = true
			}
		}
	}
	return places
}
