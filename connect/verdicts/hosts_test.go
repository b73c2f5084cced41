package verdicts_test

import (
	"cmp"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Two backends tell one name, or a balancer does not know one of them: shares tell which it is.
func TestNamesakes(t *testing.T) {
	t.Parallel()
	const same = "2 backends tell that name"
	for name, row := range map[string]struct {
		answers connect.Hosts
		failed  int64
		expect  verdicts.Expect
		verdict string
		want    want
	}{
		"one name has the share of two": {connect.Hosts{"web-1": 980, "web-2": 2015}, 0, equally("web-1", "web-2", "web-3"), verdicts.Hosts, want{
			fails: true, text: []string{"no answer came from web-3: web-2 has about the share of 2 hosts", same}, lacks: "health check",
		}},
		"of three": {connect.Hosts{"web-1": 1000, "web-2": 3000}, 0, equally("web-1", "web-2", "web-3", "web-4"), verdicts.Hosts, want{
			fails: true, text: []string{"no answer came from web-3, web-4: web-2 has about the share of 3 hosts", "3 backends tell that name"},
		}},
		"by weights": {connect.Hosts{"web-1": 3000, "web-2": 2000}, 0, verdicts.Expect{Hosts: map[string]float64{"web-1": 3, "web-2": 1, "web-3": 1}}, verdicts.Hosts, want{
			fails: true, text: []string{"web-2 has about the share of 2 hosts"},
		}},
		"its share went to all":            {connect.Hosts{"web-1": 1500, "web-2": 1500}, 0, equally("web-1", "web-2", "web-3"), verdicts.Hosts, want{fails: true, text: []string{"health check"}, lacks: same}},
		"few connections":                  {connect.Hosts{"web-1": 3, "web-2": 2}, 0, equally("web-1", "web-2", "web-3"), verdicts.Hosts, want{fails: true, text: []string{"chance, which sends a host none of 5 connections in 13.17 % of all runs", "health check"}}},
		"enough connections":               {connect.Hosts{"web-1": 30, "web-2": 20}, 0, equally("web-1", "web-2", "web-3"), verdicts.Hosts, want{fails: true, text: []string{"health check"}, lacks: "chance"}},
		"too few to tell":                  {connect.Hosts{"web-1": 3, "web-2": 6}, 0, equally("web-1", "web-2", "web-3"), verdicts.Hosts, want{fails: true, text: []string{"health check"}, lacks: same}},
		"of two hosts nothing can be told": {connect.Hosts{"web-1": 3000}, 0, equally("web-1", "web-2"), verdicts.Hosts, want{fails: true, text: []string{"health check"}, lacks: same}},
		"its connections have failed":      {connect.Hosts{"web-1": 1000, "web-2": 2000}, 1000, equally("web-1", "web-2", "web-3"), verdicts.Hosts, want{fails: true, text: []string{"1000 connections that failed"}, lacks: same}},
		"a balance, too": {connect.Hosts{"web-1": 980, "web-2": 2015}, 0, balanced(equally("web-1", "web-2", "web-3")), verdicts.Balance, want{
			fails: true, text: []string{"web-2 has about the share of 2 hosts", same}, lacks: "counts connections",
		}},
		"a balance without names": {connect.Hosts{"web-1": 980, "web-2": 2015, "web-3": 1010}, 0, balanced(verdicts.Expect{}), verdicts.Balance, want{
			fails: true, text: []string{"web-2 has about the share of 2 hosts", same},
		}},
		"a balance that prefers one host, somewhat": {connect.Hosts{"web-1": 980, "web-2": 1500, "web-3": 1010}, 0, balanced(verdicts.Expect{}), verdicts.Balance, want{
			fails: true, text: []string{"by_host"}, lacks: same,
		}},
		"a balance of two hosts": {connect.Hosts{"web-1": 1000, "web-2": 2000}, 0, balanced(verdicts.Expect{}), verdicts.Balance, want{
			fails: true, text: []string{"by_host"}, lacks: same,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(row.answers, row.expect.Hosts)
			r.Weights, r.SourcesUsed = row.expect.Hosts, 100
			r.Errors = map[connect.Class]int64{connect.ClassRefused: row.failed}
			if row.failed == 0 {
				r.Errors = nil
			}
			verdicts.Flood(r, &row.expect, true)
			row.want.check(t, r.Judged, row.verdict)
		})
	}
}

func equally(hosts ...string) verdicts.Expect {
	e := verdicts.Expect{Hosts: map[string]float64{}}
	for _, host := range hosts {
		e.Hosts[host] = 1
	}
	return e
}

func balanced(e verdicts.Expect) verdicts.Expect {
	e.Balance = verdicts.DefaultBalance
	return e
}

// A name that is another's but for a few bytes was changed on the way, unless it may be a host's.
func TestGarbledNames(t *testing.T) {
	t.Parallel()
	hosts := []string{"web-01", "web-02", "web-03"}
	for name, row := range map[string]struct {
		stranger string
		hosts    []string
		says     string // "" for nothing on bytes
	}{
		"two bytes changed":            {"wBB-02", hosts, "wBB-02 is web-02 but for 2 bytes"},
		"one byte changed":             {"wfb-01", hosts, "wfb-01 is web-01 but for 1 byte:"},
		"the number of another host":   {"web-04", hosts, ""},
		"another host":                 {"db-001", hosts, ""},
		"longer":                       {"web-001", hosts, ""},
		"of one host, nothing is told": {"web-2", []string{"web-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := connect.Hosts{row.stranger: 3}
			for _, host := range row.hosts {
				answers[host] = 10
			}
			expect := equally(row.hosts...)
			r := answered(answers, expect.Hosts)
			verdicts.Flood(r, &expect, true)
			w := want{fails: true, text: []string{"answers came from " + row.stranger + " 3", "old table", row.says}}
			if row.says == "" {
				w.lacks = "changes bytes"
			}
			w.check(t, r.Judged, verdicts.Hosts)
		})
	}
}

// What failed on this host itself went to no backend: it does not account for one that is missing.
func TestMissingHostsAndOwnFailures(t *testing.T) {
	t.Parallel()
	expect := equally("web-1", "web-2", "web-3")
	judged := func(errors map[connect.Class]int64, answers connect.Hosts) connect.Judged {
		r := answered(answers, expect.Hosts)
		r.Errors, r.ConnectErrors = errors, errors
		r.FailedConnects = errors[connect.ClassFDLimit] + errors[connect.ClassRefused]
		r.Connects += r.FailedConnects
		verdicts.Flood(r, &expect, true)
		return r.Judged
	}
	const down = "the backend is down, hangs"
	want{fails: true, text: []string{"the balancer sends nothing there"}, lacks: down}.check(t,
		judged(map[connect.Class]int64{connect.ClassFDLimit: 1000}, connect.Hosts{"web-1": 1000, "web-2": 1000}), verdicts.Hosts)
	want{fails: true, text: []string{"the 1000 connections that failed (1000 refused)", down}}.check(t,
		judged(map[connect.Class]int64{connect.ClassFDLimit: 500, connect.ClassRefused: 1000}, connect.Hosts{"web-1": 1000, "web-2": 1000}), verdicts.Hosts)
	want{fails: true, text: []string{"no connection was answered by anybody"}}.check(t,
		judged(map[connect.Class]int64{connect.ClassFDLimit: 1000}, connect.Hosts{}), verdicts.Hosts)
}

// If there are enough answers, their shares tell which host's connections failed.
func TestWhoseConnectionsFailed(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answers connect.Hosts
		failed  int64
		expect  verdicts.Expect
		want    want
		class   connect.Class // of the failures; none is no_reply
	}{
		"one host's": {connect.Hosts{"web-1": 3330, "web-2": 1340, "web-3": 3320}, 2010, verdicts.Expect{}, want{
			fails: true, text: []string{"web-2 lacks about as many answers as connections failed (2010)"},
		}, 0},
		"all of one host's": {connect.Hosts{"web-1": 3330, "web-3": 3320}, 3350, equally("web-1", "web-2", "web-3"), want{
			fails: true, text: []string{"web-2 lacks about as many answers"},
		}, 0},
		"those of all": {connect.Hosts{"web-1": 2330, "web-2": 2340, "web-3": 2320}, 3010, equally("web-1", "web-2", "web-3"), want{
			fails: true, text: []string{"all hosts lack answers alike", "not one backend", "the balancer, or a device before it"},
		}, 0},
		"those of all, or of one that nobody expects": {connect.Hosts{"web-1": 2330, "web-2": 2340, "web-3": 2320}, 3010, verdicts.Expect{}, want{
			fails: true, text: []string{"lack answers alike", "the balancer or a device before it, or a backend that has not answered at all (expect.hosts names it)"}, lacks: "not one backend",
		}, 0},
		"all of one that nobody expects": {connect.Hosts{"web-1": 2500, "web-2": 2480, "web-3": 2520}, 2500, verdicts.Expect{}, want{
			fails: true, text: []string{"about as many connections failed (2500) as a host's share", "most likely those of a backend, or several, that has not answered at all", "expect.hosts"}, lacks: "alike",
		}, 0},
		"all of two that nobody expects": {connect.Hosts{"web-1": 2500, "web-2": 2480}, 4990, verdicts.Expect{}, want{
			fails: true, text: []string{"about as many connections failed (4990) as a host's share"}, lacks: "alike",
		}, 0},
		"those of all, by weights": {connect.Hosts{"web-1": 1750, "web-2": 1740, "web-3": 3510}, 3010, verdicts.Expect{}, want{
			fails: true, text: []string{"all hosts lack answers alike", "not one backend"},
		}, 0},
		"too few to tell": {connect.Hosts{"web-1": 3290, "web-2": 3300, "web-3": 3310}, 100, verdicts.Expect{}, want{
			fails: true, text: []string{"others were answered by web-3 3310, web-2 3300, web-1 3290"}, lacks: "lack",
		}, 0},
		"an uneven balance tells nothing": {connect.Hosts{"web-1": 5000, "web-2": 2500, "web-3": 1000}, 1500, verdicts.Expect{}, want{fails: true, lacks: "lack"}, 0},
		"this host's own failures tell nothing": {connect.Hosts{"web-1": 2330, "web-2": 2340, "web-3": 2320}, 3010, verdicts.Expect{}, want{
			fails: true, text: []string{"addr_in_use"}, lacks: "lack",
		}, connect.ClassAddrInUse},
		"one host tells nothing": {connect.Hosts{"web-1": 5000}, 1500, verdicts.Expect{}, want{fails: true, lacks: "lack"}, 0},
		"nobody has answered":    {connect.Hosts{}, 1500, verdicts.Expect{}, want{fails: true, lacks: "others"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silent := answered(maps.Clone(row.answers), row.expect.Hosts)
			if strings.HasSuffix(name, "by weights") {
				silent.Weights = map[string]float64{"web-1": 1, "web-2": 1, "web-3": 2}
			}
			silent.Connects += row.failed
			silent.FailedReads, silent.States.Error = row.failed, row.failed
			silent.Errors = map[connect.Class]int64{cmp.Or(row.class, connect.ClassNoReply): row.failed}
			verdicts.Flood(silent, &row.expect, true)
			row.want.check(t, silent.Judged, verdicts.Answered)
		})
	}
}

// Where all failures were at one of several targets, or from one of several sources, it is told, and nothing else is guessed.
func TestWhereAllConnectionsFailed(t *testing.T) {
	t.Parallel()
	source := netip.MustParseAddr("10.0.0.3")
	for name, row := range map[string]struct {
		at   connect.FailedAt
		want want
	}{
		"one target of two":            {connect.FailedAt{Targets: []string{"b:1"}, OfTargets: 2}, want{fails: true, text: []string{"all failures are at b:1, and none at the other target, so look there"}, lacks: "several backends refuses"}},
		"two targets of five":          {connect.FailedAt{Targets: []string{"b:1", "c:1"}, OfTargets: 5}, want{fails: true, text: []string{"at b:1, c:1, and none at the other 3 targets"}, lacks: "several backends refuses"}},
		"one source of four":           {connect.FailedAt{Sources: []netip.Addr{source}, OfSources: 4}, want{fails: true, text: []string{"all failures are from source 10.0.0.3, and none from the other 3 sources", "a limit for each source"}, lacks: "several backends refuses"}},
		"two sources of three":         {connect.FailedAt{Sources: []netip.Addr{source, source.Next()}, OfSources: 3}, want{fails: true, text: []string{"from 2 sources 10.0.0.3, 10.0.0.4, and none from the other source"}, lacks: "several backends refuses"}},
		"a network":                    {connect.FailedAt{Network: netip.MustParsePrefix("10.0.0.0/26"), InNetwork: 64, OfSources: 256}, want{fails: true, text: []string{"from the 64 sources in 10.0.0.0/26, and none from the other 192 sources"}}},
		"one target and source of two": {connect.FailedAt{Targets: []string{"b:1"}, OfTargets: 2, Sources: []netip.Addr{source}, OfSources: 2}, want{fails: true, text: []string{"all failures are at b:1, and none at the other target; all are from source 10.0.0.3, and none from the other source: what listens there fails, or something drops"}}},
		"anywhere":                     {connect.FailedAt{}, want{fails: true, text: []string{"several backends refuses"}, lacks: "all failures"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answered(connect.Hosts{"web-1": 500}, nil)
			r.Connects, r.FailedConnects, r.States.Error, r.FailedAt = 600, 100, 100, row.at
			r.ConnectErrors, r.First = refused(100)
			r.Errors = r.ConnectErrors
			verdicts.Flood(r, nil, true)
			row.want.check(t, r.Judged, verdicts.Connected)
		})
	}
	held := &connect.HoldResult{Connects: 10, EstablishedTotal: 10, FailedAt: connect.FailedAt{Targets: []string{"b:1"}, OfTargets: 2}, Losses: connect.Losses{ClosedBy: connect.ClosedBy{FIN: 5}}}
	for i := range int64(5) {
		held.List = append(held.List, connect.Loss{Number: 2 * i, Host: connect.UnknownHost, Class: connect.ClassClosed})
	}
	verdicts.Hold(held, nil, nil)
	want{fails: true, text: []string{"5 connections", "all failures are at b:1"}}.check(t, held.Judged, verdicts.Kept)
}

// The verdict on connects tells it, too.
func TestWhoseConnectsFailed(t *testing.T) {
	t.Parallel()
	r := answered(connect.Hosts{"web-1": 3330, "web-2": 1340, "web-3": 3320}, nil)
	r.Connects, r.FailedConnects, r.States.Error = 10000, 2010, 2010
	r.ConnectErrors, r.First = refused(2010)
	r.Errors = r.ConnectErrors
	verdicts.Flood(r, nil, true)
	want{fails: true, text: []string{"2010 refused", "web-2 lacks about as many answers"}}.check(t, r.Judged, verdicts.Connected)
}

// Where some connections fail by ICMP, and others take a further SYN, a host that is missing rejects them.
func TestHostsThatReject(t *testing.T) {
	t.Parallel()
	told := connect.ICMPError{Err: connect.ReasonConnectTimeout, From: netip.MustParseAddr("10.1.4.2"), Kind: "port unreachable"}
	reject := func(failed, retried int64) *connect.FloodResult {
		r := answered(connect.Hosts{"web-1": 300, "web-2": 300, "web-3": 300}, nil)
		r.Connects += failed
		r.FailedConnects, r.Retried = failed, retried
		r.ConnectErrors = map[connect.Class]int64{connect.ClassRefused: failed}
		r.Errors, r.First = r.ConnectErrors, map[connect.Class]connect.Failure{connect.ClassRefused: {Class: connect.ClassRefused, Err: told}}
		return r
	}
	expect := equally("web-1", "web-2", "web-3", "web-4")
	for name, row := range map[string]struct {
		failed, retried int64
		want            want
	}{
		"few are told":        {10, 200, want{fails: true, text: []string{"rejected, since ICMP (port unreachable, from 10.1.4.2) has ended 10 of 910 connections, and 200 took a further SYN, together 23.08 %"}, lacks: "health check, weight"}},
		"nobody is rejected":  {0, 200, want{fails: true, text: []string{"web-4: most likely SYNs to web-4 are dropped"}, lacks: "ICMP"}},
		"far fewer than due":  {10, 20, want{fails: true, text: []string{"the balancer sends nothing there"}}},
		"all that it was due": {300, 0, want{fails: true, text: []string{"rejected, since ICMP (port unreachable, from 10.1.4.2) has ended 300 of 1200 connections (25 %)"}, lacks: "SYN"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reject(row.failed, row.retried)
			if row.failed == 0 {
				r.ConnectErrors, r.Errors, r.First = nil, nil, nil
			}
			verdicts.Flood(r, &expect, true)
			row.want.check(t, r.Judged, verdicts.Hosts)
		})
	}
	r := reject(300, 1000) // each of those that have failed took further SYNs before
	verdicts.Flood(r, &expect, true)
	want{fails: true, text: []string{"1000 took a further SYN, together 100 %"}}.check(t, r.Judged, verdicts.Prompt)
}

// A backend whose certificate is wrong is not down.
func TestHostsWithoutHandshake(t *testing.T) {
	t.Parallel()
	r := answered(connect.Hosts{"web-1": 100, "web-3": 100}, nil)
	r.Connects, r.FailedConnects = 300, 100
	r.ConnectErrors = map[connect.Class]int64{connect.ClassTLS: 100}
	r.Errors = r.ConnectErrors
	expect := equally("web-1", "web-2", "web-3")
	verdicts.Flood(r, &expect, true)
	want{fails: true, text: []string{"web-2: most likely these are the 100 connections that failed (100 tls)", "certificate"}, lacks: "down"}.check(t, r.Judged, verdicts.Hosts)
}

// Where nothing was answered, and nothing failed, there is no share to judge by.
func TestHostsOfNothing(t *testing.T) {
	t.Parallel()
	r := &connect.HoldResult{Connects: 4, EstablishedTotal: 4, Timeout: second}
	expect := equally("web-1", "web-2")
	verdicts.Hold(r, &expect, nil)
	want{fails: true, text: []string{"no connection has told a name"}, lacks: "chance"}.check(t, r.Judged, verdicts.Hosts)
}
