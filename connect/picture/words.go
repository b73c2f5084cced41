package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
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
			return units.Number(v/unit.size) + unit.name
		}
	}
	return units.Number(v)
}

// perSecond writes a rate.
func perSecond(v float64) string {
	if v >= 1000 {
		return count(int64(math.Round(v)))
	}
	return units.Number(v)
}

// clock writes an instant for an axis: seconds, or minutes and hours if there are that many.
func clock(seconds float64) string {
	s := int64(math.Round(seconds))
	switch {
	case seconds < 120:
		return units.Number(seconds) + " s"
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
