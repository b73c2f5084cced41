package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count writes a whole number with its thousands apart.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:] // a narrow space that does not break
	}
	return sign + digits
}

// short writes a number for an axis: 1500 is 1.5k.
func short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return significant(v/unit.size) + unit.name
		}
	}
	return significant(v)
}

// significant writes three digits at least, and no zeros after the point's last digit.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	decimals := max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0)
	scale := math.Pow(10, float64(decimals))
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64)
}

// perSecond writes a rate.
func perSecond(v float64) string {
	if v >= 1000 {
		return count(int64(math.Round(v)))
	}
	return significant(v)
}

// percent writes a share.
func percent(share float64) string {
	digits := 1
	if share > 0 && share < 0.0995 {
		digits = 2
	}
	return strconv.FormatFloat(100*share, 'f', digits, 64) + " %"
}

// span writes a duration with three digits.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return significant(float64(d)/float64(time.Microsecond)) + " µs"
	case d < time.Second:
		return significant(float64(d)/float64(time.Millisecond)) + " ms"
	case d < 2*time.Minute:
		return significant(d.Seconds()) + " s"
	}
	return clock(d.Seconds())
}

// length is how long a whole test took.
func length(d time.Duration) string {
	if d < 2*time.Minute {
		return span(d)
	}
	return d.Round(time.Second).String()
}

// clock writes an instant for an axis: seconds, or minutes and hours if there are that many.
func clock(seconds float64) string {
	s := int64(math.Round(seconds))
	switch {
	case seconds < 120:
		return significant(seconds) + " s"
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// plural writes a number of things.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(int64(n)) + " " + many
}

// list writes names in a row.
func list(names []string, most int) string {
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("%d\u00a0more", len(names)-most))
	}
	return strings.Join(names, ", ")
}
