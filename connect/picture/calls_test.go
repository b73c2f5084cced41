package picture_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

var began = time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)

// evenly are n durations from one on, each so much longer than the one before.
func evenly(n int, from, step time.Duration) stats.Distribution {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = from + time.Duration(i)*step
	}
	return stats.Distributed(list)
}

// told is a report with a call of each kind: a flood of so many backends, a hold that was closed, and pings meanwhile.
func told(backends int) *recording.Report {
	var l recording.Ledger
	f := &connect.FloodResult{
		Hosts: connect.Hosts{}, Connects: int64(10*backends + 5), FailedConnects: 2, StartTime: began, Duration: 2 * time.Second, Making: time.Second,
		States: connect.States{NotInitiated: 3, Error: 2}, ByHost: map[string]connect.HostTimes{}, Timeout: time.Second,
		Errors: map[connect.Class]int64{connect.ClassRefused: 2}, ConnectErrors: map[connect.Class]int64{connect.ClassRefused: 2},
		First:         map[connect.Class]connect.Failure{connect.ClassRefused: {Text: "tcp vip:5001: refused after 1ms; check that a server listens there"}},
		ConnectSpread: evenly(500, 100*time.Microsecond, time.Microsecond), ReplySpread: evenly(500, time.Millisecond, time.Microsecond),
	}
	for i := range backends {
		name := fmt.Sprintf("mconnect-deployment-5897ffb75c-%03d", i)
		f.Hosts[name] = 10
		f.ByHost[name] = connect.HostTimes{Answers: 10, ReplySpread: evenly(10, time.Millisecond, time.Duration(i)*time.Microsecond)}
	}
	verdicts.Flood(f, &verdicts.Expect{}, true)
	l.Flood(recording.About{Call: "flood", Network: "tcp", Targets: []string{"vip:5001"}, Answers: true}, f)
	h := &connect.HoldResult{
		Connects: 1000, EstablishedTotal: 1000, EstablishedMax: 1000, StartTime: began, Duration: 5 * time.Second, Making: 100 * time.Millisecond,
		States: connect.States{Closed: 1000}, Errors: map[connect.Class]int64{}, ConnectSpread: evenly(1000, time.Millisecond, time.Microsecond),
		OverTime: []connect.HoldSample{{Time: time.Second, Held: 1000, Established: 1000}, {Time: 2 * time.Second, Lost: 1000}},
	}
	for i := range 1000 {
		h.List = append(h.List, connect.Loss{Number: int64(i), At: 1500 * time.Millisecond, Host: "web-1", Class: connect.ClassClosed})
	}
	h.ClosedBy = connect.ClosedBy{FIN: 1000}
	verdicts.Hold(h, &verdicts.Expect{}, nil)
	l.Hold(recording.About{Call: "hold", Network: "tcp", Targets: []string{"vip:5001"}}, h)
	for i := range 10 {
		p := recording.Ping{Start: began.Add(time.Duration(i) * 300 * time.Millisecond), Connected: true, Answered: i != 7, Connect: time.Millisecond, TLS: 2 * time.Millisecond, Total: 4 * time.Millisecond, Why: "status 503"}
		p.Verdicts = verdicts.PingOf(exchange(&p), nil, true).Verdicts
		l.Ping(recording.About{Call: "ping", Targets: []string{"http://vip/"}, Answers: true}, &p)
	}
	c := &connect.CapacityResult{
		Connections: 1023, Limit: connect.LimitApplication, Explanation: "the target closes connections", Asked: 1500, Begun: 1500, Attempted: 1500, StartTime: began,
		Steps: []connect.CapacityStep{{Time: time.Second, Asked: 100, Held: 100}, {Time: 2 * time.Second, Asked: 300, Held: 300}, {Time: 3 * time.Second, Asked: 1500, Held: 1023}},
	}
	l.Capacity(recording.About{Call: "capacity", Targets: []string{"vip:5001"}}, c, verdicts.CapacityOf(c, nil).Verdicts)
	timeout, most := 30*time.Second, 31*time.Second
	i := &connect.IdleResult{Timeout: &timeout, AtLeast: 29 * time.Second, AtMost: &most, How: connect.IdleRST, Finished: true, Dialed: 20, States: connect.States{Completed: 20}, StartTime: began}
	i.Control.Answered = true
	l.Idle(recording.About{Call: "idle", Targets: []string{"vip:5003"}}, i, verdicts.IdleOf(i, nil).Verdicts)
	r := l.Report(connect.States{})
	r.Thresholds = []recording.Threshold{{Metric: "http_req_failed", Source: "rate<0.01", OK: true}, {Metric: "mconnect_verdict_failed", Source: "rate==0", Value: "rate=12.00%"}}
	return r
}

// exchange is a ping that was connected.
func exchange(p *recording.Ping) verdicts.Exchange {
	x := verdicts.Exchange{Addresses: 1, Connected: 1, Target: "http://vip/", Why: p.Why}
	if p.Answered {
		x.Answered = 1
	}
	return x
}

// Each kind of call has its pictures, whose labels have room with 2 and with 200 backends, and whose axes have two labels at least.
func TestPicturesOfCalls(t *testing.T) {
	t.Parallel()
	for _, backends := range []int{2, 200} {
		charts := picture.Draw(told(backends), "").SVGs()
		names := []string{
			"connects-progress", "connects-errors", "connects-time", "connects-reply", "connects-share", "connects-hosts",
			"hold-connections", "hold-progress", "hold-ended", "hold-time", "capacity-steps", "idle-silence", "ping-health", "ping-time", "ping-reply",
		}
		for _, name := range names {
			assert.Contains(t, charts, name)
		}
		for name, text := range charts {
			d := readSVG(t, text)
			assert.NotEmpty(t, d.desc, name)
			for i, a := range d.texts {
				left, right, top, bottom := a.room()
				assert.True(t, left > -9 && right < d.width+2 && top > -2 && bottom < d.height+2, "%s: %q reaches over the edge", name, a.text)
				for _, b := range d.texts[:i] {
					l, r, u, v := b.room()
					assert.False(t, left < r && l < right && top < v && u < bottom, "%s: %q lies on %q", name, a.text, b.text)
				}
			}
		}
	}
}

func TestHoldIsShownWithItsHealth(t *testing.T) {
	t.Parallel()
	d := readSVG(t, picture.Draw(told(2), "").SVGs()["hold-connections"])
	for _, text := range []string{"connections held", "lost", "slowest ping of http://vip/, ms", "failed pings", "held"} {
		assert.True(t, d.has(text), "text %q of %v", text, d.texts)
	}
	assert.Equal(t, 2+1+1, d.classes["f-bad"], "two of the legend, a column of losses, and one failed ping")
}

// Histograms of times that are nearly the same have two labels as well.
func TestNarrowHistogram(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{3 * time.Microsecond, 33 * time.Millisecond, 7 * time.Second} {
		values := []time.Duration{at, at}
		r := &recording.Report{Connects: 2, ConnectTimes: stats.BucketsOf(values), ConnectTime: recording.SpreadOf(stats.Summarize(values))}
		d := readSVG(t, picture.Draw(r, "").SVGs()["connects-time"])
		labels := 0
		for _, l := range d.texts {
			if regexp.MustCompile(`^[\d.]+ (µs|ms|s)$`).MatchString(l.text) {
				labels++
			}
		}
		assert.GreaterOrEqual(t, labels, 2, "%v", at)
	}
}

// The rate is that of the time in which connections were made, and of those that were begun.
func TestRateIsOfTheTimeInWhichConnectionsWereMade(t *testing.T) {
	t.Parallel()
	page := picture.Draw(told(2), "")
	assert.Contains(t, page.Sections[0].Facts, picture.Fact{Name: "connects a second", Value: "22"})
	assert.Contains(t, page.Sections[0].Facts, picture.Fact{Name: "begun", Value: "22", Tone: "bad"})
	assert.Contains(t, page.Sections[1].Facts, picture.Fact{Name: "held at the end", Value: "0", Tone: "bad"})
}

// The page begins with all verdicts and thresholds, each with a link to a picture or a section that is there.
func TestVerdictsAreOnTop(t *testing.T) {
	t.Parallel()
	page := picture.Draw(told(2), "Night")
	text, err := page.HTML()
	require.NoError(t, err)
	assert.Regexp(t, `class="headline no"[^>]*>✗ 5 of \d+ verdicts and thresholds fail`, text)
	assert.Less(t, strings.Index(text, "http_req_failed"), strings.Index(text, "<figure"))
	var ids []string
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		ids = append(ids, id[1])
	}
	links := regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(text, -1)
	assert.Greater(t, len(links), 15)
	for _, link := range links {
		assert.True(t, slices.Contains(ids, link[1]), "#%s leads nowhere", link[1])
	}
	for _, link := range []string{`href="#hold-connections">kept</a>`, `href="#connects-progress">complete</a>`, `href="#connects-time">prompt</a>`, `href="#capacity-steps">capacity</a>`, `href="#ping-health">answered</a>`, `href="#verdicts">mconnect_verdict_failed rate==0</a>`} {
		assert.Contains(t, text, link)
	}
	assert.Empty(t, picture.Draw(&recording.Report{}, "").Headline())
	good := picture.Draw(&recording.Report{Thresholds: []recording.Threshold{{Metric: "a", Source: "b", OK: true}}}, "")
	assert.True(t, good.AllHold())
	assert.Equal(t, "All of 1 verdict and threshold hold", good.Headline())
}

// Outages are marked one by one, with the changes, and parts of a second show where there are records.
func TestOutagesOneByOne(t *testing.T) {
	t.Parallel()
	to := 2400 * time.Millisecond
	r := &connect.TrafficResult{
		Connections: 2, Lost: 2, Lasting: 2, Duration: 5 * time.Second, PacketSize: 1024, LostByHost: connect.Hosts{"web-1": 2}, LastingByHost: connect.Hosts{"web-1": 2},
		Samples: []connect.TrafficSample{{Time: time.Second}, {Time: 5 * time.Second}},
		Records: []connect.TrafficRecord{
			{Connected: 1, Ended: 2 * time.Second, Error: connect.ClassClosed},
			{Started: 2 * time.Second, Connected: to, Ended: 5 * time.Second},
			{Connected: 1, Ended: 4 * time.Second, Error: connect.ClassClosed},
		},
	}
	r.Needless, r.Excused, r.NeedlessByHost = 1, 1, connect.Hosts{"web-1": 1}
	r.Outages = []connect.Outage{{From: 2 * time.Second, To: &to, Connections: 1, Hosts: []string{"web-1"}}, {From: 4 * time.Second, Connections: 1, Hosts: []string{"web-1"}}}
	r.Changes = []connect.Change{{Text: "upgrade", Time: 1900 * time.Millisecond, Within: time.Second}}
	charts := picture.Draw(&recording.Report{Traffic: []*connect.TrafficResult{r}}, "").SVGs()
	d := readSVG(t, charts["traffic-connections"])
	for _, text := range []string{"400 ms", "never all up again", "change: upgrade", "lost every 50 ms"} {
		assert.True(t, d.has(text), "text %q of %v", text, d.texts)
	}
	assert.Equal(t, 2, d.classes["f-shadow faint"])
	assert.True(t, readSVG(t, charts["traffic-outages"]).has("to the end, 1 connection"))
	assert.True(t, readSVG(t, charts["traffic-needless"]).has("excused by changes"))
}
