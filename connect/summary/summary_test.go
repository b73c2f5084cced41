package summary_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/summary"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

var start = time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)

// times are n durations from one on, each so much longer than the one before.
func times(n int, from, step time.Duration) stats.Distribution {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = from + time.Duration(i)*step
	}
	return stats.Distributed(list)
}

// flooded is the report of one flood, in which web-2 was slow and two connections were not answered.
func flooded(change ...func(r *connect.FloodResult)) *recording.Report {
	r := &connect.FloodResult{
		Hosts: connect.Hosts{"web-1": 600, "web-2": 398}, Connects: 1000, FailedReads: 2, StartTime: start, Timeout: 3 * time.Second,
		Duration: 2 * time.Second, Making: 500 * time.Millisecond, States: connect.States{Completed: 998, Error: 2},
		Errors: map[connect.Class]int64{connect.ClassNoReply: 2}, ConnectErrors: map[connect.Class]int64{},
		First:         map[connect.Class]connect.Failure{connect.ClassNoReply: {Class: connect.ClassNoReply, Text: "tcp vip:5001: no_reply after 1s: nothing came; check that the target answers"}},
		ConnectSpread: times(1000, 100*time.Microsecond, time.Microsecond), ReplySpread: times(998, time.Millisecond, 10*time.Microsecond),
		ByHost: map[string]connect.HostTimes{
			"web-1": {Answers: 600, ReplySpread: times(600, time.Millisecond, time.Microsecond)},
			"web-2": {Answers: 398, ReplySpread: times(398, 700*time.Millisecond, time.Microsecond)},
		},
	}
	for _, f := range change {
		f(r)
	}
	verdicts.Flood(r, &verdicts.Expect{}, true)
	var l recording.Ledger
	l.Flood(recording.About{Call: "flood", Network: "tcp", Targets: []string{"vip:5001"}, Answers: true}, r)
	return l.Report(connect.States{})
}

// held is that of a hold whose service has closed all connections.
func held() *recording.Report {
	end := 1500 * time.Millisecond
	r := &connect.HoldResult{
		Connects: 1000, EstablishedTotal: 1000, EstablishedMax: 1000, StartTime: start, Duration: 5 * time.Second, Making: 100 * time.Millisecond,
		States: connect.States{Closed: 1000}, Errors: map[connect.Class]int64{}, ConnectErrors: map[connect.Class]int64{},
		ConnectSpread: times(1000, 100*time.Microsecond, time.Microsecond),
		OverTime:      []connect.HoldSample{{Time: time.Second, Held: 1000, Established: 1000}, {Time: 2 * time.Second, Lost: 1000}},
	}
	for i := range 1000 {
		r.List = append(r.List, connect.Loss{Number: int64(i), At: end, Host: "web-1", Class: connect.ClassClosed})
	}
	r.ClosedBy = connect.ClosedBy{FIN: 1000}
	verdicts.Hold(r, &verdicts.Expect{}, nil)
	var l recording.Ledger
	l.Hold(recording.About{Call: "hold", Network: "tls", Targets: []string{"vip:5001"}, Tags: map[string]string{"phase": "night"}}, r)
	return l.Report(connect.States{})
}

// rejected is that of a flood with a wrong option.
func rejected() *recording.Report {
	var l recording.Ledger
	l.Judged(recording.About{Call: "flood"}, start, []connect.Verdict{verdicts.Failed("flood", errors.New("option x is unknown"))})
	return l.Report(connect.States{})
}

func text(t *testing.T, r *recording.Report, thresholds []summary.Threshold, s summary.Style) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, summary.Write(&out, r, thresholds, s))
	return out.String()
}

// squeezed has single spaces, so that tests say what is there and not where.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestTitle(t *testing.T) {
	t.Parallel()
	tagged := map[string]string{"site": "ham"}
	title := summary.Title(&recording.Call{About: recording.About{Call: "ping", Targets: []string{"http://a/"}, From: "Bremen", To: "Paris", Tags: tagged}})
	assert.Equal(t, "ping to http://a/ from Bremen (site:ham, to:Paris)", title)
	assert.Len(t, tagged, 1)
	assert.Equal(t, "ping (to:Paris)", summary.Title(&recording.Call{About: recording.About{Call: "ping", To: "Paris"}}))
}

func TestWrite(t *testing.T) {
	t.Parallel()
	slow := func(r *connect.FloodResult) { r.Hosts = connect.Hosts{"web-1": 998} }
	one := flooded(slow)
	for name, row := range map[string]struct {
		report     *recording.Report
		thresholds []summary.Threshold
		says       []string
		not        []string
	}{
		"a flood": {flooded(), nil, []string{
			"flood to vip:5001, 2 s", "asked 1000", "begun 1000 100 % 2000 a second", "established 1000 100 %", "answered 998 99.8 %",
			"web-1 600 60.12 % 50 %", "web-2 398 39.88 % 50 %", "connect 100 µs 600 µs", "web-2 700 ms", "no_reply 2; the first: tcp vip:5001: no_reply after 1s",
			"✓ complete 1000 of 1000 connections", "✗ answered 998 of 1000",
		}, []string{"thresholds", "calls", "\x1b"}},
		"a hold that was closed": {held(), nil, []string{
			"hold to vip:5001 over tls (phase:night)", "held at most 1000 100 %", "held at the end 0 0 %", "lost 1000 100 % closed by peer 1000",
			"lost when between 1 s and 2 s", "lost from web-1 (1000)", "✗ kept 0 of 1000",
		}, []string{"answered"}},
		"a call that did not run": {rejected(), nil, []string{"flood", "✗ ran"}, []string{"asked"}},
		"nothing":                 {&recording.Report{}, nil, []string{"Nothing has been measured"}, nil},
		"one host only":           {one, nil, []string{"web-1 998 100 % 100 %"}, []string{"web-2 398"}},
		"thresholds of all metrics": {flooded(), []summary.Threshold{
			{Metric: "http_req_duration", Source: "p(95)<500", OK: true, Value: "p(95)=12ms"}, {Metric: "mconnect_verdict_failed{call:flood}", Source: "rate==0"},
		}, []string{"✓ http_req_duration 'p(95)<500' p(95)=12ms", "✗ mconnect_verdict_failed{call:flood} 'rate==0'"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := squeezed(text(t, row.report, row.thresholds, summary.Style{}))
			for _, part := range row.says {
				assert.Contains(t, got, part)
			}
			for _, part := range row.not {
				assert.NotContains(t, got, part)
			}
		})
	}
}

// Lines keep to the width, whatever names there are; colours add none.
func TestWidth(t *testing.T) {
	t.Parallel()
	odd := flooded(func(r *connect.FloodResult) {
		r.Hosts = connect.Hosts{strings.Repeat("long", 60): 500, "\x1b[31mred\u202e": 498}
		r.First[connect.ClassNoReply] = connect.Failure{Text: strings.Repeat("x", 500)}
	})
	for _, width := range []int{0, 20, 60, 80, 200} {
		for _, r := range []*recording.Report{flooded(), held(), odd} {
			plain := text(t, r, []summary.Threshold{{Metric: strings.Repeat("m", 90), Source: "rate==0"}}, summary.Style{Width: width})
			want := min(max(width, summary.MinWidth), 140)
			if width == 0 {
				want = summary.DefaultWidth
			}
			for line := range strings.SplitSeq(plain, "\n") {
				assert.LessOrEqual(t, utf8.RuneCountInString(line), want, "%s", line)
			}
			assert.NotContains(t, plain, "\x1b")
			assert.NotContains(t, plain, "\u202e")
			assert.Contains(t, text(t, r, nil, summary.Style{Width: width, Color: true}), "\x1b[")
		}
	}
}

// Of many hosts, those with the most and the least are shown.
func TestManyHosts(t *testing.T) {
	t.Parallel()
	r := flooded(func(r *connect.FloodResult) {
		r.Hosts = connect.Hosts{}
		for i := range 200 {
			r.Hosts[fmt.Sprintf("web-%03d", i)] = int64(1000 - i)
		}
	})
	got := text(t, r, nil, summary.Style{})
	assert.Contains(t, got, "web-000")
	assert.Contains(t, got, "… and 180 between these")
	assert.Contains(t, got, "web-199")
	assert.NotContains(t, got, "web-100")
}

// Several calls that are about the same are told together.
func TestSeveralCalls(t *testing.T) {
	t.Parallel()
	good := func(r *connect.FloodResult) {
		r.FailedReads, r.States, r.Errors, r.First = 0, connect.States{Completed: 1000}, map[connect.Class]int64{}, nil
	}
	sum := recording.Merge(flooded(), flooded(good), flooded())
	got := squeezed(text(t, sum, nil, summary.Style{Width: 140}))
	assert.Contains(t, got, "flood to vip:5001, 3 calls")
	assert.Contains(t, got, "asked 3000")
	assert.Contains(t, got, "✗ answered 2 of 3 calls; the first: 998 of 1000")
	assert.Contains(t, got, "over all 3 calls")
	assert.Contains(t, got, "✗ answered 2996 of 3000")
}

func TestFailed(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 2, summary.Failed(flooded(), []summary.Threshold{{OK: true}, {OK: false}}))
	assert.Zero(t, summary.Failed(&recording.Report{}, nil))
}

// A reader of JUnit files finds a suite for each call, a test for each verdict and threshold, and what has failed.
func TestJUnit(t *testing.T) {
	t.Parallel()
	r := recording.Merge(flooded(), held())
	r.ByCall = append(r.ByCall, &recording.Call{
		About: recording.About{Call: "ping", Targets: []string{"<&>\x00\x1b\ufffe"}}, StartTime: start,
		Verdicts: []recording.Judgement{{Name: "ran", Failed: 1, Text: "ping(): \"url\" <&> \x00\x07\ufffe; want another"}},
	})
	var out strings.Builder
	require.NoError(t, summary.WriteJUnit(&out, r, []summary.Threshold{
		{Metric: "http_req_failed", Source: "rate<0.01", OK: true, Value: "rate=0.00%"}, {Metric: "mconnect_verdict_failed", Source: "rate==0", Value: "rate=20.00%"},
	}, "A <test> & more"))
	suites, err := junit.Ingest([]byte(out.String()))
	require.NoError(t, err)
	require.Len(t, suites, 4)
	status := map[string]junit.Status{}
	for _, s := range suites {
		assert.NotEmpty(t, s.Properties["timestamp"], s.Name)
		assert.Equal(t, len(s.Tests), s.Totals.Tests)
		for _, test := range s.Tests {
			status[test.Classname+" "+test.Name] = test.Status
			if test.Status != junit.StatusPassed {
				assert.NotEmpty(t, test.Message)
				assert.Error(t, test.Error)
			}
		}
	}
	for test, want := range map[string]junit.Status{
		"mconnect.flood complete": junit.StatusPassed, "mconnect.flood answered": junit.StatusFailed, "mconnect.hold kept": junit.StatusFailed,
		"mconnect.ping ran": junit.StatusError, "mconnect.thresholds http_req_failed rate<0.01": junit.StatusPassed,
		"mconnect.thresholds mconnect_verdict_failed rate==0": junit.StatusFailed,
	} {
		assert.Equal(t, want, status[test], test)
	}
	assert.Equal(t, time.Duration(0), suites[3].Totals.Duration)
	assert.Equal(t, 2*time.Second*time.Duration(len(suites[0].Tests)), suites[0].Totals.Duration)
}

// What a list of test results shows of a verdict says what is wrong: of hosts, which ones, and of several calls, the first.
func TestJUnitMessages(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		judgement recording.Judgement
		want      string
	}{
		"a verdict":        {recording.Judgement{Name: "connected", Failed: 1, Text: "6 of 9 connections were established: 3 refused; tcp a:1: refused"}, "6 of 9 connections were established: 3 refused"},
		"hosts":            {recording.Judgement{Name: "hosts", Failed: 1, Text: "2 of 3 expected hosts answered; no answer came from web-3: the balancer"}, "2 of 3 expected hosts answered; no answer came from web-3"},
		"of several calls": {recording.Judgement{Name: "answered", Held: 1, Failed: 2, Text: "1 of 2 connections got a right answer; why"}, "2 of 3 calls; the first: 1 of 2 connections got a right answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recording.Report{ByCall: []*recording.Call{{About: recording.About{Call: "flood"}, StartTime: start, Verdicts: []recording.Judgement{row.judgement}}}}
			var out strings.Builder
			require.NoError(t, summary.WriteJUnit(&out, r, nil, "messages"))
			assert.Contains(t, out.String(), `message="`+row.want+`"`)
		})
	}
}

// The file of a test in which no call began is whole, too: parsers want a number as its time.
func TestJUnitOfNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, summary.WriteJUnit(&out, &recording.Report{}, nil, "never"))
	assert.Contains(t, out.String(), `tests="0" failures="0" errors="0" time="0.000"`)
	suites, err := junit.Ingest([]byte(out.String()))
	require.NoError(t, err)
	assert.Empty(t, suites)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	assert.ErrorContains(t, summary.Write(broken{}, flooded(), nil, summary.Style{}), "no room")
	assert.ErrorContains(t, summary.WriteJUnit(broken{}, flooded(), nil, "a"), "no room")
}

// What is no terminal gets no colours.
func TestStyleOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, summary.Style{}, summary.StyleOf(&strings.Builder{}))
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	assert.Equal(t, summary.Style{}, summary.StyleOf(file))
}

// A number stays on one line with its unit, and the space between them is a usual one, which people look for.
func TestUnitsStayWithTheirNumbers(t *testing.T) {
	t.Parallel()
	cut := flooded(func(r *connect.FloodResult) { r.Hosts = connect.Hosts{"web-1": 500} })
	for width := 60; width <= 140; width++ {
		for _, r := range []*recording.Report{flooded(), held(), cut} {
			got := text(t, r, nil, summary.Style{Width: width})
			assert.NotRegexp(t, `(?m)^ *(%|[nµm]?s)[ ,;)]`, got, "%d columns", width)
			assert.NotContains(t, got, "\u00a0")
		}
	}
}

// Of a ping, each phase that has happened is told, in the order in which they do.
func TestPingPhases(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	l.Ping(recording.About{Call: "ping", Targets: []string{"https://192.0.2.1/"}, Answers: true}, &recording.Ping{
		Start: start, Connected: true, Answered: true,
		Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 4 * time.Millisecond, LastByte: 5 * time.Millisecond, Total: 14 * time.Millisecond,
	})
	told := squeezed(text(t, l.Report(connect.States{}), nil, summary.Style{Width: 60}))
	assert.Contains(t, told, "min med p(99) max connect 2 ms 2 ms 2 ms 2 ms TLS handshake 3 ms 3 ms 3 ms 3 ms first byte 4 ms 4 ms 4 ms 4 ms last byte 5 ms 5 ms 5 ms 5 ms whole request 14 ms")
	assert.NotContains(t, told, "look-up")
}
