package verdicts_test

import (
	"testing"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Where a balancer chooses anew for each SYN, and those to one backend are dropped, all connects get through: what took a further SYN is what is missing.
func TestUnreached(t *testing.T) {
	t.Parallel()
	const dropped = "most likely SYNs to web-4 are dropped, and the balancer chooses anew for each SYN"
	named := equally("web-1", "web-2", "web-3", "web-4")
	all := connect.Hosts{"web-1": 336, "web-2": 330, "web-3": 334}
	some := connect.Hosts{"web-1": 280, "web-2": 290, "web-3": 285, "web-4": 145} // half of the SYNs to web-4
	for name, row := range map[string]struct {
		answers connect.Hosts
		retried int64
		timeout int64 // of these, those that have failed
		expect  verdicts.Expect
		verdict string
		want    want
	}{
		"all of one host's":          {all, 252, 0, named, verdicts.Hosts, want{fails: true, text: []string{"no answer came from web-4: " + dropped + ": 252 of 1000 connects took more than one (25.2 %)", "firewall"}, lacks: "the balancer sends nothing there"}},
		"all of two hosts'":          {connect.Hosts{"web-1": 510, "web-2": 490}, 490, 0, named, verdicts.Hosts, want{fails: true, text: []string{"SYNs to web-3, web-4 are dropped"}}},
		"too few SYNs":               {all, 20, 0, named, verdicts.Hosts, want{fails: true, text: []string{"the balancer sends nothing there"}, lacks: "SYN"}},
		"too many SYNs":              {all, 600, 0, named, verdicts.Hosts, want{fails: true, text: []string{"the balancer sends nothing there"}, lacks: "SYN"}},
		"no SYN":                     {all, 0, 0, named, verdicts.Hosts, want{fails: true, text: []string{"the balancer sends nothing there"}, lacks: "SYN"}},
		"others are uneven":          {connect.Hosts{"web-1": 600, "web-2": 200, "web-3": 200}, 252, 0, named, verdicts.Hosts, want{fails: true, lacks: "SYN"}},
		"by weights":                 {connect.Hosts{"web-1": 500, "web-2": 500}, 500, 0, verdicts.Expect{Hosts: map[string]float64{"web-1": 1, "web-2": 1, "web-4": 2}}, verdicts.Hosts, want{fails: true, text: []string{dropped}}},
		"in the balance":             {all, 252, 0, balanced(named), verdicts.Balance, want{fails: true, text: []string{dropped}, lacks: "hash table"}},
		"half of one host's":         {some, 128, 0, balanced(named), verdicts.Balance, want{fails: true, text: []string{dropped + ": 128 of 1000"}, lacks: "hash table"}},
		"half of one, without names": {some, 128, 0, balanced(verdicts.Expect{}), verdicts.Balance, want{fails: true, text: []string{dropped}}},
		"half of one, without SYNs":  {some, 0, 0, balanced(named), verdicts.Balance, want{fails: true, text: []string{"hash table"}, lacks: "SYN"}},
		"of the SYNs":                {all, 252, 0, named, verdicts.Prompt, want{fails: true, text: []string{"252 of 1000 connects took more than one SYN", dropped, "If it is not that: SYNs or their answers are lost"}}},
		"lost by all alike":          {connect.Hosts{"web-1": 250, "web-2": 250, "web-3": 250, "web-4": 250}, 250, 0, balanced(named), verdicts.Prompt, want{fails: true, text: []string{"SYNs or their answers are lost"}, lacks: "web-"}},
		"a few have failed":          {all, 252, 16, named, verdicts.Prompt, want{fails: true, text: []string{dropped}}},
		"they have failed":           {all, 252, 252, named, verdicts.Prompt, want{fails: true, text: []string{"SYNs or their answers are lost"}, lacks: "web-"}},
		"hosts of any name":          {all, 252, 0, verdicts.Expect{}, verdicts.Prompt, want{fails: true, lacks: "web-"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(row.answers, row.expect.Hosts)
			r.Weights, r.SourcesUsed, r.Retried, r.ConnectErrors = row.expect.Hosts, 100, row.retried, map[connect.Class]int64{connect.ClassTimeout: row.timeout}
			verdicts.Flood(r, &row.expect, true)
			row.want.check(t, r.Judged, row.verdict)
			if row.expect.Balance == 0 {
				h := &connect.HoldResult{Connects: r.Connects, EstablishedTotal: r.Connects, Hosts: row.answers, Retried: row.retried, ConnectErrors: r.ConnectErrors}
				verdicts.Hold(h, &row.expect, nil)
				row.want.check(t, h.Judged, row.verdict)
			}
		})
	}
}

// Connections are left over, if others wait for their SYNs to be sent again: more time is not what is needed.
func TestLeftOverForLostSYNs(t *testing.T) {
	t.Parallel()
	expect := equally("web-1", "web-2", "web-3", "web-4")
	for name, row := range map[string]struct {
		retried int64
		average time.Duration
		want    want
	}{
		"SYNs are lost":   {252, 300 * time.Millisecond, want{fails: true, text: []string{"the time was up first (option timeout, 1 s), since 252 of 1000 connects took more than one SYN", "SYNs to web-4 are dropped"}, lacks: "allow more time"}},
		"a few are lost":  {2, 300 * time.Millisecond, want{fails: true, text: []string{"allow more time"}, lacks: "SYN"}},
		"connects linger": {200, 900 * time.Millisecond, want{fails: true, text: []string{"allow more time"}, lacks: "SYN"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(connect.Hosts{"web-1": 336, "web-2": 330, "web-3": 334}, expect.Hosts)
			r.Connects += 50
			r.States.NotInitiated, r.Weights, r.Retried = 50, expect.Hosts, row.retried
			r.ConnectTime = stats.Summary{Count: 1000, Avg: row.average}
			verdicts.Flood(r, &expect, true)
			row.want.check(t, r.Judged, verdicts.Complete)
			r.ConnectErrors, r.ErrorTime = map[connect.Class]int64{connect.ClassTimeout: 260}, stats.Summary{Count: 260, Med: second}
			verdicts.Flood(r, &expect, true)
			want{fails: true, text: []string{"260 connections that got no answer kept others waiting"}}.check(t, r.Judged, verdicts.Complete)
		})
	}
}
