// Package units writes numbers with their units, as people read them.
package units

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Percent writes a share: with two decimals, or with more if it would look like none or all, and is not.
func Percent(share float64) string {
	percent, decimals := 100*share, 2.0
	if rest := min(math.Abs(percent), math.Abs(100-percent)); rest > 0 {
		decimals = max(decimals, math.Ceil(-math.Log10(rest)))
	}
	text := strconv.FormatFloat(percent, 'f', int(decimals), 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}

// minutesFrom is the shortest duration that is written in minutes.
const minutesFrom = 2 * time.Minute

// Span writes a duration: as a [Number] of the largest unit that fits, up to seconds; if it is longer, as Go does, such as 1h5m0s.
func Span(d time.Duration) string {
	if d >= minutesFrom {
		return d.Round(time.Second).String()
	}
	const nearlyOne = 0.9995 // is written as 1
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Second, " s"}, {time.Millisecond, " ms"}, {time.Microsecond, " µs"}} {
		if v := float64(d) / float64(unit.length); v >= nearlyOne {
			return Number(v) + unit.name
		}
	}
	if d == 0 {
		return "0 s"
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

// Number writes three digits, or all that are before the point, and no zeros at the end of decimals.
func Number(v float64) string {
	if v == 0 {
		return "0"
	}
	decimals := max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0)
	scale := math.Pow(10, float64(decimals))
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64)
}

// apart are a number and its unit with a space between them.
var apart = regexp.MustCompile(`(\d) (%|(?:[nµm]?s|min|h|d|[KMG]?B(?:/s)?)\b)`)

// Tie makes the space between each number and its unit one at which no line is broken: U+00A0.
func Tie(text string) string { return apart.ReplaceAllString(text, "${1}\u00a0${2}") }
