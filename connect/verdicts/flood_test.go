package verdicts_test

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// answered is a flood that went well, with these answers.
func answered(hosts connect.Hosts, weights map[string]float64) *connect.FloodResult {
	n := int64(0)
	for _, answers := range hosts {
		n += answers
	}
	return &connect.FloodResult{
		Hosts: hosts, Connects: n, States: connect.States{Completed: n}, Timeout: second, Balance: balance.Of(hosts, weights),
		Errors: map[connect.Class]int64{}, ConnectErrors: map[connect.Class]int64{},
	}
}

func medians(hosts map[string]time.Duration) map[string]connect.HostTimes {
	times := map[string]connect.HostTimes{}
	for host, median := range hosts {
		times[host] = connect.HostTimes{Answers: 1, ReplyTime: stats.Summary{Count: 1, Med: median}}
	}
	return times
}

func TestFlood(t *testing.T) {
	t.Parallel()
	left := func(n int64) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 1000 - n}, nil)
		r.Connects, r.States.NotInitiated = 1000, n
		return r
	}
	stopped := left(10)
	stopped.Interrupted = true
	slow := left(10)
	slow.ByHost = medians(map[string]time.Duration{"web-1": 3 * time.Millisecond, "web-2": 2 * time.Millisecond, "web-4": 2100 * time.Millisecond})
	stuck := left(900)
	stuck.Errors = map[connect.Class]int64{connect.ClassNoReply: 64}
	stuck.ErrorTime = stats.Summary{Count: 64, Med: second / 2}
	unreachable := func(n int64) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 1000 - n}, nil)
		r.Connects, r.FailedConnects, r.States.Error = 1000, n, n
		r.ConnectErrors, r.First = refused(n)
		r.Errors = r.ConnectErrors
		return r
	}
	timedOut := func(n int64) *connect.FloodResult { // with fixed source ports
		r := unreachable(n)
		r.ConnectErrors, r.Fixed = map[connect.Class]int64{connect.ClassTimeout: n}, true
		return r
	}
	silent := func(n int64) *connect.FloodResult {
		r := unreachable(0)
		r.Hosts, r.FailedReads, r.States.Error = connect.Hosts{"web-1": 1000 - n}, n, n
		r.Errors = map[connect.Class]int64{connect.ClassNoReply: n}
		r.First = map[connect.Class]connect.Failure{connect.ClassNoReply: {Class: connect.ClassNoReply, Network: "tcp", Target: "a:1", Err: connect.ReasonNoAnswer}}
		return r
	}
	retried := func(n int64) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 1000}, nil)
		r.Retried = n
		return r
	}
	late := answered(connect.Hosts{"web-1": 500, "web-4": 500}, nil)
	late.ReplyTime = stats.Summary{Count: 1000, P99: 2 * second}
	late.ByHost = medians(map[string]time.Duration{"web-1": 3 * time.Millisecond, "web-4": 2100 * time.Millisecond})
	slowly := func(change func(r *connect.FloodResult)) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 500, "web-4": 500}, nil)
		r.ConnectTime = stats.Summary{Count: 1000, P99: 2 * second}
		if change != nil {
			change(r)
		}
		return r
	}
	for name, row := range map[string]struct {
		result  *connect.FloodResult
		expect  *verdicts.Expect
		verdict string
		want    want
	}{
		"connects in time":       {slowly(nil), &verdicts.Expect{ConnectTime: 2 * second}, verdicts.Prompt, want{text: []string{"p(99) of the connects is 2 s (at most 2 s expected)"}}},
		"late connects":          {slowly(nil), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{fails: true, text: []string{"is 2 s (at most 1 s expected): the way is long"}}},
		"no connects to be late": {unreachable(1000), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{text: []string{"SYN"}}},
		"late connects, by lost SYNs": {slowly(func(r *connect.FloodResult) { r.Retried = 10 }), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{
			fails: true, text: []string{"10 of 1000 connects took more than one SYN, and one that is lost costs 1 s"},
		}},
		"late connects, with few lost SYNs": {slowly(func(r *connect.FloodResult) { r.Retried = 9 }), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{fails: true, lacks: "SYN,"}},
		"late connects, and others that have timed out": {slowly(func(r *connect.FloodResult) {
			r.Retried, r.ConnectErrors = 10, map[connect.Class]int64{connect.ClassTimeout: 10}
		}), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{fails: true, text: []string{"the way is long"}, lacks: "SYN,"}},
		"late connects, by this host": {slowly(func(r *connect.FloodResult) { r.RTT = stats.Summary{Count: 1000, P99: second / 1000} }), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{
			fails: true, text: []string{"the kernel's own handshakes took 1 ms", "this host, which is busy"},
		}},
		"late connects, by slow handshakes": {slowly(func(r *connect.FloodResult) { r.RTT = stats.Summary{Count: 1000, P99: 2 * second} }), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{
			fails: true, text: []string{"the way is long"},
		}},
		"late connects, of one host": {slowly(func(r *connect.FloodResult) {
			r.ByHost = map[string]connect.HostTimes{
				"web-1": {ConnectTime: stats.Summary{Med: second / 1000}}, "web-4": {ConnectTime: stats.Summary{Med: 2 * second}},
			}
		}), &verdicts.Expect{ConnectTime: second}, verdicts.Prompt, want{fails: true, text: []string{"web-4 is connected to in 2 s, the others in 1 ms"}}},
		"late connects, not judged unless wanted": {slowly(nil), nil, verdicts.Prompt, want{text: []string{"SYN"}}},
		"all begun":                               {left(0), nil, verdicts.Complete, want{text: []string{"1000 of 1000 connections were begun"}}},
		"some left":                               {left(10), nil, verdicts.Complete, want{fails: true, text: []string{"990 of 1000 connections were begun (99 %, all expected)", "option timeout, 1 s", "allow more time"}}},
		"some left, by a slow host":               {slow, nil, verdicts.Complete, want{fails: true, text: []string{"web-4 answers in 2.1 s, the others in 3 ms"}}},
		"some left, by silent ones":               {stuck, nil, verdicts.Complete, want{fails: true, text: []string{"64 connections that got no answer kept others waiting"}, lacks: "allow more time"}},
		"some left, tolerated":                    {left(10), least(verdicts.Complete, 0.99), verdicts.Complete, want{text: []string{"99 % expected"}}},
		"some left, not tolerated":                {left(11), least(verdicts.Complete, 0.99), verdicts.Complete, want{fails: true, text: []string{"(98.9 %, 99 % expected)"}}},
		"some left, not judged":                   {left(10), off(verdicts.Complete), verdicts.Complete, want{out: true}},
		"interrupted":                             {stopped, nil, verdicts.Complete, want{fails: true, text: []string{"ended from outside", "990 of 1000"}}},
		"all connected":                           {unreachable(0), nil, verdicts.Connected, want{text: []string{"1000 of 1000 connections were established"}}},
		"one refused":                             {unreachable(1), nil, verdicts.Connected, want{fails: true, text: []string{"999 of 1000 connections were established (99.9 %, all expected): 1 refused; tcp a:1: refused"}}},
		"one refused, tolerated":                  {unreachable(1), least(verdicts.Connected, 0.999), verdicts.Connected, want{}},
		"all refused":                             {unreachable(1000), nil, verdicts.Connected, want{fails: true, text: []string{"0 of 1000", "1000 refused"}}},
		"all refused, nobody to answer":           {unreachable(1000), nil, verdicts.Answered, want{text: []string{"0 of 0 connections got a right answer"}}},
		"all refused, none lacks a SYN":           {unreachable(1000), nil, verdicts.Prompt, want{}},
		"all refused, not judged":                 {unreachable(1000), off(verdicts.Connected), verdicts.Connected, want{out: true}},
		"some fixed ports time out":               {timedOut(20), nil, verdicts.Connected, want{fails: true, text: []string{"20 timeout", "the source ports are fixed", "may still hold their last connections"}}},
		"all fixed ports time out":                {timedOut(1000), nil, verdicts.Connected, want{fails: true, text: []string{"1000 timeout"}, lacks: "ports"}},
		"none to begin":                           {left(1000), nil, verdicts.Connected, want{text: []string{"0 of 0"}}},
		"none begun, no SYNs":                     {left(1000), nil, verdicts.Prompt, want{out: true}},
		"all answered":                            {silent(0), nil, verdicts.Answered, want{text: []string{"1000 of 1000 connections got a right answer"}}},
		"one silent":                              {silent(1), nil, verdicts.Answered, want{fails: true, text: []string{"999 of 1000", "1 no_reply", "no answer in time"}}},
		"one silent, tolerated":                   {silent(1), least(verdicts.Answered, 0.999), verdicts.Answered, want{}},
		"one silent is connected":                 {silent(1), nil, verdicts.Connected, want{}},
		"each with one SYN":                       {retried(0), nil, verdicts.Prompt, want{text: []string{"at most 1 % expected"}}},
		"one in a hundred with two":               {retried(10), nil, verdicts.Prompt, want{}},
		"UDP has no SYNs":                         {retried(0), &verdicts.Expect{NoSYN: true}, verdicts.Prompt, want{out: true}},
		"more with two":                           {retried(11), nil, verdicts.Prompt, want{fails: true, text: []string{"11 of 1000 connects took more than one SYN", "backlog"}}},
		"none with two expected":                  {retried(1), &verdicts.Expect{HasRetransmits: true}, verdicts.Prompt, want{fails: true, text: []string{"at most 0 % expected"}}},
		"answers in time":                         {late, &verdicts.Expect{ReplyTime: 3 * second}, verdicts.Prompt, want{text: []string{"p(99) of the answers is 2 s"}}},
		"late answers, of one host":               {late, &verdicts.Expect{ReplyTime: second}, verdicts.Prompt, want{fails: true, text: []string{"at most 1 s expected", "web-4 answers in 2.1 s, the others in 3 ms"}}},
		"late answers, not judged unless wanted":  {late, nil, verdicts.Prompt, want{text: []string{"SYN"}}},
		"hosts are not judged unless wanted":      {silent(0), nil, verdicts.Hosts, want{out: true}},
		"a balance is not judged unless wanted":   {silent(0), nil, verdicts.Balance, want{out: true}},
		"an affinity is not judged unless wanted": {silent(0), nil, verdicts.Affinity, want{out: true}},
		"a source is not judged unless wanted":    {silent(0), nil, verdicts.Source, want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *row.result
			verdicts.Flood(&r, row.expect, true)
			row.want.check(t, r.Judged, row.verdict)
		})
	}
}

// Without answers there is nothing to say about them.
func TestFloodWithoutAnswers(t *testing.T) {
	t.Parallel()
	r := answered(nil, nil)
	r.Connects, r.States.Completed = 10, 10
	verdicts.Flood(r, &verdicts.Expect{}, false)
	want{out: true}.check(t, r.Judged, verdicts.Answered)
	want{text: []string{"10 of 10", "nothing is known of what is behind a balancer or proxy"}, lacks: "datagrams"}.check(t, r.Judged, verdicts.Connected)
	assert.True(t, r.OK)
	r.Unread = true
	verdicts.Flood(r, &verdicts.Expect{}, false)
	want{text: []string{"10 of 10", "none was read (readReply: false), so nothing is known of the target"}}.check(t, r.Judged, verdicts.Connected)
}

// If a time to answer is expected, and there is no answer, the verdict fails.
func TestReplyTimeOfNoAnswers(t *testing.T) {
	t.Parallel()
	r := answered(nil, nil)
	r.Connects, r.FailedReads = 10, 10
	expect := &verdicts.Expect{ReplyTime: second, Off: map[string]bool{verdicts.Answered: true}}
	verdicts.Flood(r, expect, true)
	want{fails: true, text: []string{"at most 1 s, but there was none"}}.check(t, r.Judged, verdicts.Prompt)
	r.FailedConnects, r.FailedReads = 10, 0
	verdicts.Flood(r, expect, true)
	want{text: []string{"more than one SYN"}}.check(t, r.Judged, verdicts.Prompt)
}

// What is said of several hosts does not depend on which of them is looked at first.
func TestUnexpectedHostsTogether(t *testing.T) {
	t.Parallel()
	for range 50 {
		r := answered(connect.Hosts{"web-1": 1, "web-9": 7, "(other)": 2, "(unknown)": 1}, map[string]float64{"web-1": 1})
		verdicts.Flood(r, &verdicts.Expect{Hosts: map[string]float64{"web-1": 1}}, true)
		want{fails: true, text: []string{"web-9 7, (other) 2, (unknown) 1, which are not expected"}}.check(t, r.Judged, verdicts.Hosts)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	equal := map[string]float64{"web-1": 1, "web-2": 1, "web-3": 1}
	for name, row := range map[string]struct {
		answers    connect.Hosts
		weights    map[string]float64
		want       want
		missing    []string
		unexpected connect.Hosts
	}{
		"all":                          {connect.Hosts{"web-1": 1, "web-2": 99, "web-3": 1}, equal, want{text: []string{"all of the expected hosts have answered, and no others (3)"}}, []string{}, connect.Hosts{}},
		"one missing":                  {connect.Hosts{"web-1": 5, "web-3": 5}, equal, want{fails: true, text: []string{"2 of 3 expected hosts answered", "no answer came from web-2", "health check", "web-1 5"}}, []string{"web-2"}, connect.Hosts{}},
		"two missing, in order":        {connect.Hosts{"web-2": 5}, equal, want{fails: true, text: []string{"from web-1, web-3"}}, []string{"web-1", "web-3"}, connect.Hosts{}},
		"nobody":                       {connect.Hosts{}, equal, want{fails: true, text: []string{"web-1, web-2, web-3"}}, []string{"web-1", "web-2", "web-3"}, connect.Hosts{}},
		"a stranger":                   {connect.Hosts{"web-1": 1, "web-2": 1, "web-3": 1, "web-9": 7}, equal, want{fails: true, text: []string{"answers came from web-9 7", "not expected", "members"}}, []string{}, connect.Hosts{"web-9": 7}},
		"(unknown) has no name":        {connect.Hosts{"web-1": 1, "web-2": 1, "web-3": 1, "(unknown)": 2}, equal, want{fails: true, text: []string{"(unknown) 2", "reply.match"}}, []string{}, connect.Hosts{"(unknown)": 2}},
		"(other) is another":           {connect.Hosts{"web-1": 1, "web-2": 1, "web-3": 1, "(other)": 2}, equal, want{fails: true, text: []string{"(other) 2", "10000"}}, []string{}, connect.Hosts{"(other)": 2}},
		"weights are not shares here":  {connect.Hosts{"web-1": 1, "web-2": 1000}, map[string]float64{"web-1": 9, "web-2": 1}, want{}, []string{}, connect.Hosts{}},
		"weight 0 has to be silent":    {connect.Hosts{"web-1": 9}, map[string]float64{"web-1": 1, "web-2": 0}, want{text: []string{"all of the expected hosts have answered, and no others (1)"}}, []string{}, connect.Hosts{}},
		"weight 0, and yet it answers": {connect.Hosts{"web-1": 9, "web-2": 1}, map[string]float64{"web-1": 1, "web-2": 0}, want{fails: true, text: []string{"web-2 1", "weight 0"}}, []string{}, connect.Hosts{"web-2": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(row.answers, row.weights)
			verdicts.Flood(r, &verdicts.Expect{Hosts: row.weights}, true)
			row.want.check(t, r.Judged, verdicts.Hosts)
			assert.Equal(t, row.missing, r.Missing)
			assert.Equal(t, row.unexpected, r.Unexpected)
		})
	}
}

// Who is missing is blamed on the balancer only if no connection failed that may have been the missing host's.
func TestHostsMissingAndConnectionsFailing(t *testing.T) {
	t.Parallel()
	hosts := connect.Hosts{"web-1": 100, "web-2": 100}
	for name, row := range map[string]struct {
		answers connect.Hosts
		failed  map[connect.Class]int64
		want    want
	}{
		"as many as it was due": {hosts, map[connect.Class]int64{connect.ClassRefused: 90, connect.ClassTimeout: 10}, want{
			fails: true, text: []string{"no answer came from web-3", "100 connections that failed (90 refused, 10 timeout)", "the backend is down, hangs"}, lacks: "sends nothing there",
		}},
		"a few, which are none of its": {hosts, map[connect.Class]int64{connect.ClassRefused: 3}, want{fails: true, text: []string{"no answer came from web-3", "sends nothing there"}}},
		"all": {connect.Hosts{}, map[connect.Class]int64{connect.ClassRefused: 300}, want{
			fails: true, text: []string{"0 of 3 expected hosts answered", "no connection was answered by anybody"}, lacks: "sends nothing there",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(row.answers, nil)
			r.Errors = row.failed
			verdicts.Flood(r, &verdicts.Expect{Hosts: map[string]float64{"web-1": 1, "web-2": 1, "web-3": 1}}, true)
			row.want.check(t, r.Judged, verdicts.Hosts)
		})
	}
}

// Names that a peer has chosen are told apart in lists, and do not fill them.
func TestNamesInLists(t *testing.T) {
	t.Parallel()
	r := answered(connect.Hosts{"web-1": 1, "HTTP/1.1 400 Bad Request": 2, "a, b": 3, strings.Repeat("n", 255): 4, "(unknown)": 5}, nil)
	verdicts.Flood(r, &verdicts.Expect{Hosts: map[string]float64{"web-1": 1}}, true)
	want{fails: true, text: []string{`"HTTP/1.1 400 Bad Request" 2`, `"a, b" 3`, strings.Repeat("n", 64) + "… 4", "(unknown) 5"}}.check(t, r.Judged, verdicts.Hosts)
}

// Most connections time out, and a few are told why: that is the cause.
func TestCauseThatTells(t *testing.T) {
	t.Parallel()
	r := answered(nil, nil)
	r.Connects, r.FailedConnects, r.States.Error = 100, 100, 100
	r.ConnectErrors = map[connect.Class]int64{connect.ClassTimeout: 94, connect.ClassNetUnreachable: 6}
	r.First = map[connect.Class]connect.Failure{
		connect.ClassTimeout: {Class: connect.ClassTimeout, Network: "tcp", Target: "a:1", Err: connect.ReasonConnectTimeout},
		connect.ClassNetUnreachable: {
			Class: connect.ClassNetUnreachable, Network: "tcp", Target: "a:1",
			Err: connect.ICMPError{Err: syscall.ENETUNREACH, From: netip.MustParseAddr("10.0.0.9"), Kind: "net unreachable"},
		},
	}
	verdicts.Flood(r, nil, true)
	want{fails: true, text: []string{"94 timeout, 6 net_unreachable", "no answer in time", "ICMP: net unreachable, from 10.0.0.9"}}.check(t, r.Judged, verdicts.Connected)
}

func TestBalance(t *testing.T) {
	t.Parallel()
	equal := map[string]float64{"web-1": 1, "web-2": 1}
	for name, row := range map[string]struct {
		answers connect.Hosts
		expect  verdicts.Expect
		sources int64
		want    want
	}{
		"even":                            {connect.Hosts{"web-1": 500, "web-2": 500}, verdicts.Expect{Balance: 0.001}, 0, want{text: []string{"p at least 0.001"}}},
		"as chance has it":                {connect.Hosts{"web-1": 520, "web-2": 480}, verdicts.Expect{Balance: 0.001}, 0, want{}},
		"uneven":                          {connect.Hosts{"web-1": 600, "web-2": 400}, verdicts.Expect{Balance: 0.001}, 0, want{fails: true, text: []string{"the worst share, of web-1, is off its due by 20 %", "web-1 600, web-2 400", "weights"}}},
		"uneven, a lower level":           {connect.Hosts{"web-1": 540, "web-2": 460}, verdicts.Expect{Balance: 1e-9}, 0, want{}},
		"uneven, as weights have it":      {connect.Hosts{"web-1": 750, "web-2": 250}, verdicts.Expect{Balance: 0.001, Hosts: map[string]float64{"web-1": 3, "web-2": 1}}, 0, want{}},
		"even, but weights are not":       {connect.Hosts{"web-1": 500, "web-2": 500}, verdicts.Expect{Balance: 0.001, Hosts: map[string]float64{"web-1": 3, "web-2": 1}}, 0, want{fails: true, text: []string{"of web-2, is off its due by 100 %"}}},
		"within the tolerance":            {connect.Hosts{"web-1": 54000, "web-2": 46000}, verdicts.Expect{Balance: 0.001, Tolerance: 0.1}, 0, want{text: []string{"or no share off by more than 10 % expected"}}},
		"beyond the tolerance":            {connect.Hosts{"web-1": 56000, "web-2": 44000}, verdicts.Expect{Balance: 0.001, Tolerance: 0.1}, 0, want{fails: true, text: []string{"off its due by 12 %"}}},
		"beyond it, but by chance":        {connect.Hosts{"web-1": 12, "web-2": 8}, verdicts.Expect{Balance: 0.001, Tolerance: 0.1}, 0, want{}},
		"none has answered":               {connect.Hosts{}, verdicts.Expect{Balance: 0.001}, 0, want{fails: true, text: []string{"none has answered"}}},
		"too few to tell":                 {connect.Hosts{"web-1": 3, "web-2": 1}, verdicts.Expect{Balance: 0.001}, 0, want{text: []string{"4 answers are too few to tell for 2 hosts: make at least 10"}}},
		"one host, from one source":       {connect.Hosts{"web-1": 1000}, verdicts.Expect{Balance: 0.001, Hosts: equal}, 1, want{fails: true, text: []string{"there was one only", "use several"}}},
		"one host, from several sources":  {connect.Hosts{"web-1": 1000}, verdicts.Expect{Balance: 0.001, Hosts: equal}, 100, want{fails: true, text: []string{"web-1 1000"}}},
		"one is missing":                  {connect.Hosts{"web-1": 1000, "web-2": 1000}, verdicts.Expect{Balance: 0.001, Hosts: map[string]float64{"web-1": 2, "web-2": 2, "web-3": 1}}, 0, want{fails: true, text: []string{"nothing came from web-3: see the verdict hosts"}}},
		"a strict level":                  {connect.Hosts{"web-1": 530, "web-2": 470}, verdicts.Expect{Balance: 0.1}, 0, want{fails: true, text: []string{"p smaller than expected in 10 % of all runs", "tolerance: 0.1"}}},
		"few sources":                     {connect.Hosts{"web-1": 530, "web-2": 470}, verdicts.Expect{Balance: 0.001}, 100, want{}},
		"uneven, from few sources":        {connect.Hosts{"web-1": 600, "web-2": 400}, verdicts.Expect{Balance: 0.001}, 100, want{fails: true, text: []string{"the 100 that were used", "expect affinity"}}},
		"left out, though a level is set": {connect.Hosts{"web-1": 1000}, verdicts.Expect{Balance: 0.001, Hosts: equal, Off: map[string]bool{verdicts.Balance: true}}, 1, want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(row.answers, row.expect.Hosts)
			r.SourcesUsed = row.sources
			verdicts.Flood(r, &row.expect, true)
			row.want.check(t, r.Judged, verdicts.Balance)
		})
	}
}

// Where each source stays with a host, chance deals out the sources. A tolerance is of what weights say.
func TestBalanceOfSources(t *testing.T) {
	t.Parallel()
	sticking := func(sources, sticky int64) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 5500, "web-2": 4500}, nil)
		r.SourcesUsed, r.Affinity = sources, &disruption.Affinity{Sources: sources, Sticky: sticky}
		return r
	}
	weighted := answered(connect.Hosts{"web-1": 66000, "web-2": 34000}, map[string]float64{"web-1": 2, "web-2": 1})
	weighted.Weights = map[string]float64{"web-1": 2, "web-2": 1}
	for name, row := range map[string]struct {
		result *connect.FloodResult
		expect verdicts.Expect
		want   want
	}{
		"few":                     {sticking(100, 100), verdicts.Expect{Balance: 0.001}, want{text: []string{"p of 100 sources that each stay with a host is 0.317"}}},
		"many":                    {sticking(5000, 5000), verdicts.Expect{Balance: 0.001}, want{fails: true, text: []string{"p of 5000 sources"}}},
		"not all stay":            {sticking(100, 99), verdicts.Expect{Balance: 0.001}, want{fails: true, text: []string{"and p is"}}},
		"too few":                 {sticking(9, 9), verdicts.Expect{Balance: 0.001}, want{fails: true, text: []string{"and p is"}}},
		"as many as connections":  {sticking(10000, 10000), verdicts.Expect{Balance: 0.001}, want{fails: true, text: []string{"and p is"}}},
		"a tolerance and weights": {weighted, verdicts.Expect{Balance: 0.001, Tolerance: 0.03}, want{text: []string{"of web-2, is off its due by 2 %"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdicts.Flood(row.result, &row.expect, true)
			row.want.check(t, row.result.Judged, verdicts.Balance)
		})
	}
}

func TestAffinityAndSource(t *testing.T) {
	t.Parallel()
	told, used := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("10.0.0.1")
	for name, row := range map[string]struct {
		change  func(r *connect.FloodResult)
		verdict string
		want    want
	}{
		"each source with one host":    {func(r *connect.FloodResult) { r.Affinity = &disruption.Affinity{Sources: 10, Sticky: 10} }, verdicts.Affinity, want{text: []string{"each of 10 sources"}}},
		"one source with two":          {func(r *connect.FloodResult) { r.Affinity = &disruption.Affinity{Sources: 10, Sticky: 9} }, verdicts.Affinity, want{fails: true, text: []string{"1 of 10 were answered by more", "session affinity"}}},
		"no source twice":              {func(r *connect.FloodResult) { r.Affinity = &disruption.Affinity{} }, verdicts.Affinity, want{fails: true, text: []string{"fewer sources"}}},
		"no affinity known":            {func(*connect.FloodResult) {}, verdicts.Affinity, want{fails: true, text: []string{"fewer sources"}}},
		"the source seen":              {func(r *connect.FloodResult) { r.Source.Same = 10 }, verdicts.Source, want{text: []string{"all of 10 connections"}}},
		"another seen":                 {func(r *connect.FloodResult) { r.Source = connect.SourceSeen{Same: 9, Other: 1, Told: told, Used: used} }, verdicts.Source, want{fails: true, text: []string{"on 1 of 10 connections they saw another (192.0.2.9 in place of 10.0.0.1)", "PROXY protocol"}}},
		"none told":                    {func(r *connect.FloodResult) { r.Source.Untold = 10 }, verdicts.Source, want{fails: true, text: []string{"10 of 10 answers tell none", "-tell-source"}}},
		"some told":                    {func(r *connect.FloodResult) { r.Source.Untold, r.Source.Same = 1, 9 }, verdicts.Source, want{fails: true, text: []string{"1 of 10 answers tell none"}}},
		"nobody has answered, sources": {func(*connect.FloodResult) {}, verdicts.Source, want{fails: true, text: []string{"none has answered"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(connect.Hosts{"web-1": 10}, nil)
			row.change(r)
			verdicts.Flood(r, &verdicts.Expect{Affinity: true, Source: true}, true)
			row.want.check(t, r.Judged, row.verdict)
		})
	}
}

// What peers call themselves is listed, but not without end.
func TestManyHostsAreCutShort(t *testing.T) {
	t.Parallel()
	wanted := map[string]float64{}
	for i := range 100 {
		wanted["web-"+string(rune('A'+i))] = 1
	}
	r := answered(connect.Hosts{}, wanted)
	verdicts.Flood(r, &verdicts.Expect{Hosts: wanted}, true)
	want{fails: true, text: []string{"0 of 100 expected hosts answered", "and 92 more"}}.check(t, r.Judged, verdicts.Hosts)
	assert.Len(t, r.Missing, 100)
}

// A target that greets late is not one that says nothing: who has not waited for as long as an answer takes can't tell.
func TestHaste(t *testing.T) {
	t.Parallel()
	late := func(waited time.Duration) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 64}, nil)
		r.Connects, r.FailedReads, r.Timeout = 500, 64, 2500*time.Millisecond
		r.States = connect.States{NotInitiated: 372, Completed: 64, Error: 64}
		r.Errors = map[connect.Class]int64{connect.ClassNoReply: 64}
		r.ErrorTime, r.ReplyTime = stats.Summary{Count: 64, Med: waited}, stats.Summary{Count: 64, Med: 1500 * time.Millisecond}
		return r
	}
	r := late(990 * time.Millisecond)
	verdicts.Flood(r, nil, true)
	want{fails: true, text: []string{"an answer takes 1.5 s here, and those without one have waited for 990 ms", "more concurrency"}, lacks: "no answer kept"}.check(t, r.Judged, verdicts.Complete)
	want{fails: true, text: []string{"most likely nothing is wrong but the time"}}.check(t, r.Judged, verdicts.Answered)
	r = late(2400 * time.Millisecond)
	verdicts.Flood(r, nil, true)
	want{fails: true, text: []string{"64 connections that got no answer kept others waiting"}}.check(t, r.Judged, verdicts.Complete)
	want{fails: true, lacks: "the time that they had"}.check(t, r.Judged, verdicts.Answered)
}
