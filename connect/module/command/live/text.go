package live

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mattn/go-runewidth"
)

// fit cuts a line to the width of a terminal. A line that fills the last column makes some terminals begin a new one.
func fit(line string, width int) string { return runewidth.Truncate(line, max(width-1, 1), "…") }

// clock is a time in whole seconds.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	if d < time.Hour {
		return fmt.Sprintf("%d:%02d min", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d:%02d h", d/time.Hour, d%time.Hour/time.Minute)
}

// grouped is a number with commas between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// rate is how fast a counter has grown lately.
type rate struct {
	marks []mark // at most of the last seconds
}

type mark struct {
	at time.Time
	n  int64
}

// lately is how far back a rate looks.
const lately = 2 * time.Second

func (r *rate) add(at time.Time, n int64) {
	r.marks = append(r.marks, mark{at, n})
	for len(r.marks) > 2 && at.Sub(r.marks[1].at) > lately {
		r.marks = r.marks[1:]
	}
}

func (r *rate) perSecond() float64 {
	if len(r.marks) < 2 {
		return 0
	}
	first, last := r.marks[0], r.marks[len(r.marks)-1]
	return float64(last.n-first.n) / max(last.at.Sub(first.at).Seconds(), 1e-3)
}
