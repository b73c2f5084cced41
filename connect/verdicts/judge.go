package verdicts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// judge collects the verdicts on one result.
type judge struct {
	expect *Expect
	list   []connect.Verdict
}

func newJudge(e *Expect) *judge {
	if e == nil {
		e = &Expect{}
	}
	return &judge{expect: e, list: []connect.Verdict{}}
}

// say adds a verdict, unless it is to be left out.
func (j *judge) say(name string, ok bool, format string, args ...any) {
	if !j.expect.Off[name] {
		j.list = append(j.list, connect.Verdict{Name: name, OK: ok, Text: fmt.Sprintf(format, args...)})
	}
}

// result is what all verdicts come to.
func (j *judge) result() connect.Judged {
	failed := func(v connect.Verdict) bool { return !v.OK }
	return connect.Judged{OK: !slices.ContainsFunc(j.list, failed), Verdicts: j.list}
}

// part judges a share of a whole: n of all must be at least the share that is expected.
func (j *judge) part(name string, n, all int64, what, why string) {
	least := j.expect.share(name)
	ok := all == 0 || float64(n) >= least*float64(all)
	expected := "all expected"
	if least != 1 {
		expected = percent(least) + " expected"
	}
	text := fmt.Sprintf("%d of %s %s", n, plural(all, "connection"), what)
	switch {
	case !ok:
		text += fmt.Sprintf(" (%s, %s)%s", percent(float64(n)/float64(all)), expected, why)
	case least != 1:
		text += fmt.Sprintf(" (%s)", expected)
	}
	j.say(name, ok, "%s", text)
}

func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// percent is a share as people write it.
func percent(share float64) string {
	text := fmt.Sprintf("%.4f", 100*share)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}

// span is a duration as people read it: three digits.
func span(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 100*time.Millisecond:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// maxNamed is how many hosts, or classes, a text names.
const maxNamed = 8

// names lists hosts.
func names(hosts []string) string {
	text := strings.Join(hosts[:min(len(hosts), maxNamed)], ", ")
	if more := len(hosts) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shares lists hosts with what they have, the most first.
func shares(hosts map[string]int64) string {
	byCount := slices.SortedFunc(maps.Keys(hosts), func(a, b string) int { return cmp.Or(cmp.Compare(hosts[b], hosts[a]), cmp.Compare(a, b)) })
	parts := make([]string, 0, len(byCount))
	for _, host := range byCount {
		parts = append(parts, fmt.Sprintf("%s %d", host, hosts[host]))
	}
	return names(parts)
}

// causes says why connections failed: how many in each class, and the first of the most frequent one with advice.
func causes(errors map[connect.Class]int64, first map[connect.Class]connect.Failure) string {
	classes := slices.SortedFunc(maps.Keys(errors), func(a, b connect.Class) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
	if len(classes) == 0 {
		return ""
	}
	parts := make([]string, 0, len(classes))
	for _, class := range classes {
		parts = append(parts, fmt.Sprintf("%d %s", errors[class], class))
	}
	text := ": " + strings.Join(parts, ", ")
	if failure, known := first[classes[0]]; known {
		text += "; " + failure.Error()
	}
	return text
}
