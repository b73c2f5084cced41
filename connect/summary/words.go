package summary

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// percent is a share as people read it: never 100 % or 0 % of what is not all or nothing.
func percent(n, of int64) string {
	if of == 0 {
		return "–"
	}
	return share(float64(n) / float64(of))
}

func share(part float64) string {
	percent := 100 * part
	text := strconv.FormatFloat(percent, 'f', 2, 64)
	switch {
	case part < 1 && text == "100.00":
		return "> 99.99 %"
	case part > 0 && text == "0.00":
		return "< 0.01 %"
	}
	return text + " %"
}

// span is a duration in three digits.
func span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if d >= 90*time.Minute {
			return d.Round(time.Second).String()
		}
		if d >= unit.length {
			return digits(float64(d)/float64(unit.length)) + " " + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

// digits has three of them, or more before the point.
func digits(v float64) string {
	decimals := 0
	for limit := 100.0; v < limit && decimals < 2; limit /= 10 {
		decimals++
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// rate is a number a second.
func rate(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " a second"
	}
	return digits(v) + " a second"
}

// tags are written as k6 writes them.
func tags(list map[string]string) string {
	all := make([]string, 0, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		all = append(all, fmt.Sprintf("%s:%s", name, list[name]))
	}
	return strings.Join(all, ", ")
}
