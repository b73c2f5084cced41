package verdicts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
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

// holds reports whether n of all are at least the share that is expected.
func (j *judge) holds(name string, n, all int64) bool {
	return all == 0 || float64(n) >= j.expect.share(name)*float64(all)
}

// part judges a share of a whole: n of all must be at least the share that is expected. what says what these n connections did, as in
// "were begun".
func (j *judge) part(name string, n, all int64, what, why string) {
	least, ok := j.expect.share(name), j.holds(name, n, all)
	if all == 1 {
		what = strings.Replace(what, "were ", "was ", 1)
	}
	text := fmt.Sprintf("%d of %s %s", n, plural(all, "connection"), what)
	switch {
	case !ok:
		text += fmt.Sprintf(" (%s, %s expected)%s", units.Percent(float64(n)/float64(all)), expected(least), why)
	case least != 1:
		text += fmt.Sprintf(" (%s expected)", expected(least))
	}
	j.say(name, ok, "%s", text)
}

// expected is the least share that must hold, as texts tell it.
func expected(least float64) string {
	if least == 1 {
		return "all"
	}
	return units.Percent(least)
}

func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// maxNamed is how many hosts, or classes, a text names.
const maxNamed = 8

// names lists hosts.
func names(hosts []string) string {
	parts := make([]string, 0, maxNamed)
	for _, host := range hosts[:min(len(hosts), maxNamed)] {
		parts = append(parts, shown(host))
	}
	return list(parts, len(hosts))
}

// list joins the first of so many parts.
func list(parts []string, all int) string {
	text := strings.Join(parts, ", ")
	if more := all - len(parts); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shares lists hosts with what they have, the most first.
func shares(hosts map[string]int64) string {
	byCount := stats.MostFirst(hosts)
	parts := make([]string, 0, maxNamed)
	for _, host := range byCount[:min(len(byCount), maxNamed)] {
		parts = append(parts, fmt.Sprintf("%s %d", shown(host), hosts[host]))
	}
	return list(parts, len(byCount))
}

// longName is how much of a name a text has.
const longName = 64

// shown is a host's name in a list of them: in quotes if it is hard to tell where it ends.
func shown(host string) string {
	short := quote.Cut(host, longName)
	if host == "" || strings.ContainsAny(host, " ,;:'\"()") && host != connect.UnknownHost && host != engine.OtherHosts {
		return strconv.Quote(short)
	}
	return short
}

// byClass tells how many connections failed in each class.
func byClass(errors map[connect.Class]int64) string {
	parts := make([]string, 0, len(errors))
	for _, class := range stats.MostFirst(errors) {
		parts = append(parts, fmt.Sprintf("%d %s", errors[class], class))
	}
	return strings.Join(parts, ", ")
}

// causes says why connections failed: how many in each class, and the first of the most frequent one with advice. If that one tells only that
// nothing came, the first of one that tells more follows: of what a router drops it reports a few, since ICMP is limited (RFC 1812, 4.3.2.8).
func causes(errors map[connect.Class]int64, first map[connect.Class]connect.Failure) string {
	classes := stats.MostFirst(errors)
	if len(classes) == 0 {
		return ""
	}
	text := ": " + byClass(errors)
	if failure, known := first[classes[0]]; known {
		text += "; " + failure.Error()
	}
	if !isSilence(classes[0]) {
		return text
	}
	for _, class := range classes[1:] {
		if failure, known := first[class]; known && !isSilence(class) {
			return text + "; " + failure.Error()
		}
	}
	return text
}

// isSilence reports whether a class tells only that nothing came in time.
func isSilence(c connect.Class) bool {
	return c == connect.ClassTimeout || c == connect.ClassNoReply || c == connect.ClassAborted
}
