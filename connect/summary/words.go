package summary

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// percent is a share of a number that may be none.
func percent(n, of int64) string {
	if of == 0 {
		return "–"
	}
	return units.Percent(float64(n) / float64(of))
}

// rate is a number a second.
func rate(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " a second"
	}
	return units.Number(v) + " a second"
}

// tags are written as k6 writes them.
func tags(list map[string]string) string {
	all := make([]string, 0, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		all = append(all, fmt.Sprintf("%s:%s", name, list[name]))
	}
	return strings.Join(all, ", ")
}
