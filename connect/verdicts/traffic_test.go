package verdicts_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// lasting is a call of traffic that went well, over ten connections, but for what is changed.
func lasting(change func(r *connect.TrafficResult)) *connect.TrafficResult {
	r := &connect.TrafficResult{
		Network: "tcp", Connections: 10, Begun: 10, Lasting: 10, Sent: 1000, Received: 1000, Timeout: 9 * second, Duration: 8 * second, Reconnect: true,
	}
	if change != nil {
		change(r)
	}
	return r
}

// resets are losses of a host's connections at an instant, each of which was up again a while later.
func resets(n int64, host string, at, down time.Duration) []connect.Loss {
	list := make([]connect.Loss, 0, n)
	up := at + down
	for i := range n {
		list = append(list, connect.Loss{Number: i, At: at, Until: &up, Host: host, Class: connect.ClassReset})
	}
	return list
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	lost := func(n int64) func(r *connect.TrafficResult) {
		return func(r *connect.TrafficResult) {
			r.Lost, r.Reconnects, r.List = n, n, resets(n, "web-1", 2*second, second)
		}
	}
	gone := func(r *connect.TrafficResult) {
		lost(3)(r)
		r.Reconnect, r.Reconnects, r.Lasting, r.Down = false, 0, 7, 3
		for i := range r.List {
			r.List[i].Until = nil
		}
	}
	silent := func(answered *bool) func(r *connect.TrafficResult) {
		return func(r *connect.TrafficResult) {
			r.Network, r.Fixed, r.Down, r.Lost, r.NewPortAnswered = "udp", true, 4, 4, answered
		}
	}
	restart := []connect.Change{{Text: "restart", Time: second, Within: 5 * second, Hosts: []string{"web-1"}}}
	for name, row := range map[string]struct {
		result  *connect.TrafficResult
		expect  *verdicts.Expect
		verify  bool
		changes []connect.Change
		verdict string
		want    want
	}{
		"all begun":                           {lasting(nil), nil, false, nil, verdicts.Complete, want{}},
		"not all begun":                       {lasting(func(r *connect.TrafficResult) { r.Begun = 9 }), nil, false, nil, verdicts.Complete, want{fails: true, text: []string{"9 of 10 connections were begun"}}},
		"interrupted":                         {lasting(func(r *connect.TrafficResult) { r.Interrupted = true }), nil, false, nil, verdicts.Complete, want{fails: true, text: []string{"ended from outside"}}},
		"first dials":                         {lasting(nil), nil, false, nil, verdicts.Connected, want{text: []string{"10 of 10"}}},
		"a first dial that failed":            {lasting(func(r *connect.TrafficResult) { r.FailedFirst = 1; r.FirstErrors, r.First = refused(1) }), nil, false, nil, verdicts.Connected, want{fails: true, text: []string{"9 of 10 connections were established", "1 refused"}}},
		"redials that failed are not first":   {lasting(func(r *connect.TrafficResult) { r.FailedConnects = 5 }), nil, false, nil, verdicts.Connected, want{}},
		"no SYNs are judged":                  {lasting(nil), nil, false, nil, verdicts.Prompt, want{out: true}},
		"all kept":                            {lasting(nil), nil, false, nil, verdicts.Kept, want{text: []string{"10 of 10 connections were kept to the end"}}},
		"some lost":                           {lasting(lost(3)), nil, false, nil, verdicts.Kept, want{fails: true, text: []string{"10 of 13 connections were kept", "web-1 3", "3 reset"}}},
		"some lost, tolerated":                {lasting(lost(3)), least(verdicts.Kept, 0.7), false, nil, verdicts.Kept, want{}},
		"some lost by a change":               {lasting(lost(3)), nil, false, restart, verdicts.Kept, want{text: []string{"13 of 13", "announced changes (3)"}}},
		"some lost by a change of others":     {lasting(lost(3)), nil, false, []connect.Change{{Within: 5 * second, Hosts: []string{"web-2"}}}, verdicts.Kept, want{fails: true, text: []string{"web-1 3, the first 2 s after the start (no change is announced of web-1"}}},
		"a change of a host that is misspelt": {lasting(func(r *connect.TrafficResult) { r.LastingByHost = connect.Hosts{"web-1": 5, "web-2": 5} }), nil, false, []connect.Change{{Within: 5 * second, Hosts: []string{"web-1", "web2"}}}, verdicts.Kept, want{text: []string{"kept to the end; a change is announced of web2, to which no connection is known to be: they are to web-1, web-2"}}},
		"losses, and a host that is misspelt": {lasting(func(r *connect.TrafficResult) {
			lost(3)(r)
			r.LastingByHost = connect.Hosts{"web-1": 10}
		}), nil, false, []connect.Change{{Within: 5 * second, Hosts: []string{"web1"}}}, verdicts.Kept, want{fails: true, text: []string{"no connection is known to be: they are to web-1; needless losses"}}},
		"a change of hosts that tell no name": {lasting(func(r *connect.TrafficResult) { r.LastingByHost = connect.Hosts{connect.UnknownHost: 10} }), nil, false, []connect.Change{{Within: 5 * second, Hosts: []string{"web-1"}}}, verdicts.Kept, want{lacks: "announced"}},
		"some lost after a change's time":     {lasting(lost(3)), nil, false, []connect.Change{{Text: "restart", Within: second}, {Text: "later", Time: 9 * second}}, verdicts.Kept, want{fails: true, text: []string{`(1 s after the time of the change "restart" was over: if it was that change, allow more than 1 s`}}},
		"some lost before a change":           {lasting(lost(3)), nil, false, []connect.Change{{Text: "restart", Time: 2500 * time.Millisecond, Within: second}}, verdicts.Kept, want{fails: true, text: []string{`(500 ms before the change "restart" was announced`}}},
		"some lost of hosts without a name":   {lasting(func(r *connect.TrafficResult) { r.Lost, r.List = 1, resets(1, connect.UnknownHost, 2*second, second) }), nil, false, restart, verdicts.Kept, want{fails: true, text: []string{"only a change without hosts excuses these"}}},
		"the first one is excused": {lasting(func(r *connect.TrafficResult) {
			r.Lost, r.List = 2, append(resets(1, "web-1", 2*second, second), resets(1, "web-2", 3*second, second)...)
			r.First = map[connect.Class]connect.Failure{connect.ClassReset: {Class: connect.ClassReset, Network: "tcp", Target: "excused:1", After: 2 * second, Err: syscall.ECONNRESET}}
		}), nil, false, restart, verdicts.Kept, want{fails: true, text: []string{"needless losses by host: web-2 1, the first 3 s after the start", "1 reset"}, lacks: "excused:1"}},
		"UDP flows that moved, one excused": {lasting(func(r *connect.TrafficResult) {
			r.Network, r.Moved, r.List = "udp", 2, []connect.Loss{{Host: "web-1", Moved: true, At: 2 * second}, {Host: "web-2", Moved: true, At: 2 * second}}
		}), nil, false, restart, verdicts.Kept, want{fails: true, text: []string{"9 of 10", "1 UDP flow went on with another host"}}},
		"a UDP flow that moved": {lasting(func(r *connect.TrafficResult) {
			r.Network, r.Moved, r.List = "udp", 1, []connect.Loss{{Host: "web-1", Moved: true}}
		}), nil, false, nil, verdicts.Kept, want{fails: true, text: []string{"9 of 10", "1 UDP flow went on with another host"}}},
		"lost and up again":                 {lasting(lost(3)), nil, false, nil, verdicts.Recovered, want{text: []string{"10 of 10 connections were up and echoing at the end"}}},
		"down at the end":                   {lasting(func(r *connect.TrafficResult) { r.Down = 2 }), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"8 of 10", "no echo comes", "balancer without a backend"}}},
		"down at the end, refused":          {lasting(func(r *connect.TrafficResult) { r.Down, r.FailedConnects = 2, 9; r.Errors, r.First = refused(9) }), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"9 refused"}}},
		"not to be dialed again":            {lasting(gone), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"7 of 10", "was not dialed again"}}},
		"not to be dialed again, excused":   {lasting(gone), nil, false, restart, verdicts.Recovered, want{text: []string{"7 of 10 connections were up", "announced changes have taken down 3"}}},
		"excused, but dialed again in vain": {lasting(func(r *connect.TrafficResult) { gone(r); r.Reconnect = true }), nil, false, restart, verdicts.Recovered, want{fails: true}},
		"an excused flow that moved excuses no other": {lasting(func(r *connect.TrafficResult) {
			r.Network, r.Reconnect, r.Down, r.List = "udp", false, 1, []connect.Loss{{At: 2 * second, Host: "web-1", Moved: true}}
		}), nil, false, restart, verdicts.Recovered, want{fails: true}},
		"stale, new ports work":   {lasting(silent(&yes)), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"6 of 10", "backend that is gone", "new source ports work", "conntrack -D"}}},
		"gone, new ports do not":  {lasting(silent(&no)), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"not answered either", "a backend is up"}}},
		"silent, and not asked":   {lasting(silent(nil)), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"the same source ports"}}},
		"silent, ports of chance": {lasting(func(r *connect.TrafficResult) { silent(nil)(r); r.Fixed = false }), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"drops the datagrams"}}},
		"silent, and some refused": {lasting(func(r *connect.TrafficResult) { silent(&no)(r); r.Errors, r.First = refused(4) }), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"4 refused"}, lacks: "drops the datagrams",
		}},
		"lost just before the end": {lasting(func(r *connect.TrafficResult) { lost(3)(r); r.Down, r.LastLoss = 3, new(7500*time.Millisecond) }), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"lost until 500 ms before the end", "last longer"}, lacks: "without a backend",
		}},
		"lost again whenever they are dialed again": {lasting(func(r *connect.TrafficResult) {
			lost(3)(r)
			for i := range r.List {
				r.List[i].Until = nil
			}
			r.Down, r.LastLoss = 2, new(7990*time.Millisecond)
		}), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"what is dialed again has been lost again before it echoed: 3 reset"}, lacks: "last longer",
		}},
		"cut off while echoes were due": {lasting(func(r *connect.TrafficResult) { r.Awaiting, r.Awaited = 3, second }), nil, false, nil, verdicts.Recovered, want{
			text: []string{"10 of 10", "3 of them waited for an echo when the call was cut off, for up to 1 s", "allow a timeout"},
		}},
		"large packets alone, and no echo": {lasting(func(r *connect.TrafficResult) {
			r.Down, r.Received, r.PacketSize, r.BySize = 10, 0, 4096, []connect.SizeCount{{Size: 4096}}
		}), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"packetSize: [64, 4096] tells"}}},
		"small packets alone, and no echo": {lasting(func(r *connect.TrafficResult) { r.Down, r.Received, r.PacketSize = 10, 0, 1024 }), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"no echo comes"}, lacks: "packetSize",
		}},
		"silent, and this host drops what comes": {lasting(func(r *connect.TrafficResult) {
			silent(&no)(r)
			r.First = map[connect.Class]connect.Failure{connect.ClassNoReply: {Class: connect.ClassNoReply, Dropped: "this host itself has dropped 9 packets"}}
		}), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"end (all expected): this host itself has dropped 9 packets. If those are others: the target, or a device"}}},
		"none begun": {lasting(func(r *connect.TrafficResult) { r.Begun, r.Lasting, r.Sent, r.Received, r.Down = 0, 0, 0, 0, 10 }), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"none was begun"}, lacks: "accepted",
		}},
		"nothing to send": {lasting(func(r *connect.TrafficResult) { r.Sent, r.Received, r.Down = 0, 0, 10 }), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"the rate is too low for the duration"}, lacks: "accepted",
		}},
		"lost before anything was sent": {lasting(func(r *connect.TrafficResult) { lost(3)(r); r.Sent, r.Received, r.Down = 0, 0, 10 }), nil, false, nil, verdicts.Recovered, want{
			fails: true, text: []string{"lost before anything could be sent", "see the verdict kept"}, lacks: "rate",
		}},
		"throttled": {lasting(func(r *connect.TrafficResult) {
			r.Sent, r.Received, r.Dropped, r.RoundTrip = 260, 260, 19740, stats.Summary{Avg: 200 * time.Millisecond, P95: 205 * time.Millisecond}
		}), nil, false, nil, verdicts.Complete, want{
			fails: true, text: []string{"10 of 10 connections were begun, but only 260 of 20000 packets", "(1.3 %, more than half expected)", "p(95) of the round trips is 205 ms", "every 4 ms", "throttles"}, lacks: "retransmit",
		}},
		"throttled, with loss": {lasting(func(r *connect.TrafficResult) { r.Dropped, r.Retransmits, r.RoundTrip.Avg = 1001, 70, second }), nil, false, nil, verdicts.Complete, want{fails: true, text: []string{"70 retransmits"}}},
		"a long way": {lasting(func(r *connect.TrafficResult) {
			r.Dropped, r.RoundTrip, r.RTT = 9000, stats.Summary{Avg: 80 * time.Millisecond, P95: 81 * time.Millisecond}, stats.Summary{Count: 10, Med: 80 * time.Millisecond}
		}), nil, false, nil, verdicts.Complete, want{fails: true, text: []string{"takes 80 ms", "more connections"}, lacks: "throttles"}},
		"echoes that never come": {lasting(func(r *connect.TrafficResult) { r.Dropped, r.RoundTrip.Avg = 2000, time.Millisecond }), nil, false, nil, verdicts.Complete, want{}},
		"half is sent":           {lasting(func(r *connect.TrafficResult) { r.Dropped, r.RoundTrip.Avg = 1000, second }), nil, false, nil, verdicts.Complete, want{}},
		"a busy sender of datagrams": {lasting(func(r *connect.TrafficResult) { r.Network, r.Dropped = "udp", 2000 }), nil, false, nil, verdicts.Complete, want{
			fails: true, text: []string{"this host was too busy"}, lacks: "round trips",
		}},
		"silent for long by a change": {lasting(func(r *connect.TrafficResult) { r.Dropped, r.RoundTrip.P95 = 2000, time.Millisecond }), nil, false, restart, verdicts.Complete, want{}},
		"throttled, beside a change":  {lasting(func(r *connect.TrafficResult) { r.Dropped, r.RoundTrip.P95 = 2000, second }), nil, false, restart, verdicts.Complete, want{fails: true}},
		"nothing to send on some":     {lasting(func(r *connect.TrafficResult) { r.Unused = 4 }), nil, false, nil, verdicts.Recovered, want{text: []string{"4 of them had no packet to send"}}},
		"a hole in the MTU": {lasting(func(r *connect.TrafficResult) {
			r.Down, r.Hole = 2, &connect.MTUHole{Passed: 64, Stuck: 1400, Hosts: connect.Hosts{"web-2": 2}}
		}), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"packets of 64 bytes come back, those of 1400 never do", "web-2 2", "MTU"}, lacks: "fragments"}},
		"datagrams that travel in fragments": {lasting(func(r *connect.TrafficResult) {
			r.Network, r.Down, r.Hole = "udp", 2, &connect.MTUHole{Passed: 1400, Stuck: 4096, Hosts: connect.Hosts{"web-2": 2}}
		}), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"those of 4096 never do", "MTU", "drops fragments"}, lacks: "MSS"}},
		"no echo of what was sent": {lasting(func(r *connect.TrafficResult) {
			silent(&no)(r)
			r.Foreign, r.Sent, r.Received = 100, 1000, 900
		}), nil, false, nil, verdicts.Recovered, want{fails: true, text: []string{"100 datagrams came back that are no echo", "cuts datagrams"}, lacks: "drops"}},
		"cut, which is no hole in the MTU": {lasting(func(r *connect.TrafficResult) {
			lost(3)(r)
			r.Hole, r.Foreign, r.Sent, r.Received = &connect.MTUHole{Passed: 64, Stuck: 1400, Hosts: connect.Hosts{"web-1": 3}}, 60, 1000, 900
		}), nil, false, nil, verdicts.Kept, want{fails: true, text: []string{"cuts datagrams"}, lacks: "MTU"}},
		"a few strangers, and a hole in the MTU": {lasting(func(r *connect.TrafficResult) {
			lost(3)(r)
			r.Hole, r.Foreign, r.Sent, r.Received = &connect.MTUHole{Passed: 64, Stuck: 1400, Hosts: connect.Hosts{"web-1": 3}}, 1, 1000, 900
		}), nil, false, nil, verdicts.Kept, want{fails: true, text: []string{"MTU"}, lacks: "no echo"}},
		"a hole that ends others": {lasting(func(r *connect.TrafficResult) {
			lost(3)(r)
			r.Hole = &connect.MTUHole{Passed: 64, Stuck: 1400, Hosts: connect.Hosts{"web-1": 3}}
		}), nil, false, nil, verdicts.Kept, want{fails: true, text: []string{"those of 1400 never do", "ICMP"}}},
		"not left out":               {lasting(func(r *connect.TrafficResult) { r.Down = 2 }), off(verdicts.Kept), false, nil, verdicts.Recovered, want{fails: true}},
		"left out":                   {lasting(func(r *connect.TrafficResult) { r.Down = 2 }), off(verdicts.Recovered), false, nil, verdicts.Recovered, want{out: true}},
		"not compared":               {lasting(func(r *connect.TrafficResult) { r.Corrupted = 1 }), nil, false, nil, verdicts.Intact, want{out: true}},
		"intact":                     {lasting(nil), nil, true, nil, verdicts.Intact, want{text: []string{"all of 1000 packets"}}},
		"none to compare":            {lasting(func(r *connect.TrafficResult) { r.Received = 0 }), nil, true, nil, verdicts.Intact, want{text: []string{"none to compare"}}},
		"corrupted":                  {lasting(func(r *connect.TrafficResult) { r.Corrupted, r.CorruptedByHost = 1, connect.Hosts{"web-2": 1} }), nil, true, nil, verdicts.Intact, want{fails: true, text: []string{"1 of 1000 packets", "web-2 1", "checksum"}}},
		"loss is not judged":         {lasting(func(r *connect.TrafficResult) { r.Received = 0 }), nil, false, nil, verdicts.Loss, want{out: true}},
		"no loss":                    {lasting(nil), &verdicts.Expect{HasLoss: true}, false, nil, verdicts.Loss, want{text: []string{"0 of 1000 packets lost, 0 % (at most 0 % expected)"}}},
		"as much loss as expected":   {lasting(func(r *connect.TrafficResult) { r.Received = 990 }), &verdicts.Expect{HasLoss: true, Loss: 0.01}, false, nil, verdicts.Loss, want{}},
		"more loss than expected":    {lasting(func(r *connect.TrafficResult) { r.Received = 850 }), &verdicts.Expect{HasLoss: true, Loss: 0.01}, false, nil, verdicts.Loss, want{fails: true, text: []string{"150 of 1000 packets lost, 15 % (at most 1 % expected)", "queue"}}},
		"nothing sent":               {lasting(func(r *connect.TrafficResult) { r.Sent, r.Received = 0, 0 }), &verdicts.Expect{HasLoss: true, Loss: 1}, false, nil, verdicts.Loss, want{fails: true, text: []string{"no packet was sent, so none came back"}}},
		"recovery is not judged":     {lasting(lost(3)), nil, false, nil, verdicts.Recovery, want{out: true}},
		"no outage":                  {lasting(nil), &verdicts.Expect{Recovery: second}, false, nil, verdicts.Recovery, want{text: []string{"no outage"}}},
		"an outage, short enough":    {lasting(lost(3)), &verdicts.Expect{Recovery: second}, false, nil, verdicts.Recovery, want{text: []string{"1 outage", "1 s"}}},
		"an outage, too long":        {lasting(lost(3)), &verdicts.Expect{Recovery: second / 2}, false, nil, verdicts.Recovery, want{fails: true, text: []string{"lasted 1 s (at most 500 ms expected)", "began 2 s after the start", "3 connections to web-1", "health checks"}}},
		"an excused one is one, too": {lasting(lost(3)), &verdicts.Expect{Recovery: second / 2}, false, restart, verdicts.Recovery, want{fails: true}},
		"an outage without end":      {lasting(gone), &verdicts.Expect{Recovery: 5 * second}, false, nil, verdicts.Recovery, want{fails: true, text: []string{"lasted 6 s", "had not ended"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdicts.Traffic(row.result, row.expect, row.verify, row.changes)
			row.want.check(t, row.result.Judged, row.verdict)
		})
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	kept := func(change func(r *connect.HoldResult)) *connect.HoldResult {
		r := &connect.HoldResult{Connects: 10, EstablishedTotal: 10, Timeout: second, Hosts: connect.Hosts{"web-1": 5, "web-2": 5}}
		if change != nil {
			change(r)
		}
		return r
	}
	closed := func(r *connect.HoldResult) {
		r.List = resets(2, "web-1", 3*second, 0)
		r.List[0].Class = connect.ClassClosed
		r.Lifetime = stats.Summary{Count: 2, Avg: 4 * second}
	}
	dead := func(r *connect.HoldResult) {
		r.List = append(r.List, connect.Loss{At: 3 * second, Host: "web-2", Class: connect.ClassNoReply})
		r.Errors = map[connect.Class]int64{connect.ClassNoReply: 1}
		r.First = map[connect.Class]connect.Failure{connect.ClassNoReply: {Class: connect.ClassNoReply, Network: "tcp", Target: "a:1", Err: connect.ReasonKeepalive}}
	}
	for name, row := range map[string]struct {
		result  *connect.HoldResult
		expect  *verdicts.Expect
		changes []connect.Change
		verdict string
		want    want
	}{
		"all kept":           {kept(nil), nil, nil, verdicts.Kept, want{text: []string{"10 of 10"}}},
		"closed by the peer": {kept(closed), nil, nil, verdicts.Kept, want{fails: true, text: []string{"8 of 10", "web-1 2", "closed 1 and reset 1", "after 4 s on average", "idle timeout"}}},
		"one closed by a change, one not": {
			kept(closed), nil,
			[]connect.Change{{Time: 2 * second, Within: 1500 * time.Millisecond, Hosts: []string{"web-2"}}},
			verdicts.Kept,
			want{fails: true, text: []string{"8 of 10", "web-1 2"}},
		},
		"a reset by a change, a FIN not": {
			kept(func(r *connect.HoldResult) { closed(r); r.List[1].Host = "web-2" }), nil,
			[]connect.Change{{Time: 2 * second, Within: 5 * second, Hosts: []string{"web-2"}}},
			verdicts.Kept,
			want{fails: true, text: []string{"9 of 10", "the peer closed 1 connection,"}},
		},
		"closed by a change": {kept(closed), nil, []connect.Change{{Time: 2 * second, Within: 5 * second}}, verdicts.Kept, want{}},
		"dead":               {kept(dead), nil, nil, verdicts.Kept, want{fails: true, text: []string{"9 of 10", "web-2 1", "1 no_reply", "keepalive: no answer in time"}}},
		"dead and closed":    {kept(func(r *connect.HoldResult) { closed(r); dead(r) }), nil, nil, verdicts.Kept, want{fails: true, text: []string{"reset 1", "others failed: 1 no_reply"}}},
		"silent when it was cut short": {
			kept(func(r *connect.HoldResult) {
				dead(r)
				r.Errors, r.First, r.Owing, r.Owed = nil, nil, 1, 4*second
			}), nil, nil, verdicts.Kept, want{fails: true, text: []string{"9 of 10", "web-2 1", "1 no_reply", "1 had not answered their last keepalive, for up to 4 s", "await close()"}},
		},
		"a backend that hangs": {
			kept(func(r *connect.HoldResult) {
				r.Unasked, r.Greeted, r.Greeting, r.Ungreeted = true, 7, time.Millisecond, 3
			}), nil, nil, verdicts.Kept,
			want{fails: true, text: []string{"7 of 10", "on 3 connections the target said nothing, though it greeted on 7 others within 1 ms"}},
		},
		"one that hangs, tolerated": {
			kept(func(r *connect.HoldResult) { r.Unasked, r.Greeted, r.Ungreeted = true, 9, 1 }), least(verdicts.Kept, 0.9), nil, verdicts.Kept, want{text: []string{"9 of 10"}},
		},
		"a word on few connections": {kept(func(r *connect.HoldResult) { r.Unasked, r.Greeted, r.Ungreeted = true, 2, 8 }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10"}}},
		"owing for a moment":        {kept(func(r *connect.HoldResult) { r.Owing, r.Owed = 1, second/2 }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10", "1 had not answered"}}},
		"not begun":                 {kept(func(r *connect.HoldResult) { r.States.NotInitiated = 3 }), nil, nil, verdicts.Complete, want{fails: true, text: []string{"7 of 10"}}},
		"refused":                   {kept(func(r *connect.HoldResult) { r.FailedConnects = 4; r.ConnectErrors, r.First = refused(4) }), nil, nil, verdicts.Connected, want{fails: true, text: []string{"6 of 10", "4 refused"}}},
		"none established":          {kept(func(r *connect.HoldResult) { r.EstablishedTotal = 0 }), nil, nil, verdicts.Kept, want{text: []string{"0 of 0"}}},
		"SYNs sent twice":           {kept(func(r *connect.HoldResult) { r.Retried = 1 }), nil, nil, verdicts.Prompt, want{fails: true, text: []string{"1 of 10"}}},
		"hosts":                     {kept(nil), &verdicts.Expect{Hosts: map[string]float64{"web-1": 1, "web-2": 1}}, nil, verdicts.Hosts, want{}},
		"a host is missing":         {kept(nil), &verdicts.Expect{Hosts: map[string]float64{"web-1": 1, "web-2": 1, "web-3": 1}}, nil, verdicts.Hosts, want{fails: true, text: []string{"web-3"}}},
		"UDP, too short to hear anything": {
			kept(func(r *connect.HoldResult) { r.Unheard = true }), nil, nil, verdicts.Kept,
			want{fails: true, text: []string{"nothing has come on any of 10 connections", "longer than keepalive and keepaliveTimeout together"}},
		},
		"UDP, heard of nothing and lost": {
			kept(func(r *connect.HoldResult) { r.Unheard = true; dead(r) }), nil, nil, verdicts.Kept, want{fails: true, text: []string{"9 of 10", "1 no_reply"}},
		},
		"late connects": {
			kept(func(r *connect.HoldResult) { r.ConnectTime = stats.Summary{Count: 10, P99: 2 * second} }), &verdicts.Expect{ConnectTime: second}, nil, verdicts.Prompt,
			want{fails: true, text: []string{"p(99) of the connects is 2 s (at most 1 s expected): the way is long"}},
		},
		"late answers": {
			kept(func(r *connect.HoldResult) { r.EchoTime = stats.Summary{Count: 10, P99: 2 * second} }), &verdicts.Expect{ReplyTime: second, Off: map[string]bool{}}, nil, verdicts.Prompt,
			want{fails: true, text: []string{"p(99) of the answers is 2 s (at most 1 s expected)"}},
		},
		"no answers in time to be late": {
			kept(func(r *connect.HoldResult) { r.Unanswered = true }), &verdicts.Expect{ReplyTime: second}, nil, verdicts.Prompt,
			want{fails: true, text: []string{"at most 1 s, but there was none", "longer than their keepalive"}},
		},
		"a UDP flow that moved": {
			kept(func(r *connect.HoldResult) { r.List = []connect.Loss{{Host: "web-1", Moved: true}} }), nil, nil, verdicts.Kept,
			want{fails: true, text: []string{"9 of 10", "web-1 1", "1 UDP flow went on with another host"}},
		},
		"a target that talks":  {kept(func(r *connect.HoldResult) { r.Talked = 11 }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10", "data has come 11 times", "give a reply"}}},
		"one that has greeted": {kept(func(r *connect.HoldResult) { r.Talked = 10 }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10"}, lacks: "give a reply"}},
		"cut short": {
			kept(func(r *connect.HoldResult) { r.Duration, r.Instead = second, 10*second }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10", "kept to the end, which came with that of the iteration, after 1 s of a duration of 10 s"}},
		},
		"cut while answers were due": {kept(func(r *connect.HoldResult) { r.Owing, r.Owed, r.Instead = 4, second, 9*second }), nil, nil, verdicts.Kept, want{text: []string{
			"10 of 10", "4 had not answered their last keepalive, for up to 1 s", "await close()",
		}}},
		"too short for a keepalive": {kept(func(r *connect.HoldResult) { r.Unanswered = true }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10", "whether the service does is not known"}}},
		"some told nothing": {kept(func(r *connect.HoldResult) { r.Unasked, r.Hosts = true, connect.Hosts{"web-1": 4, "web-3": 3} }), nil, nil, verdicts.Kept, want{
			text: []string{"10 of 10", "only on 7 of 10 connections has the target told its name by itself", "accepts and hangs"}, lacks: "nothing was asked",
		}},
		"nothing asked": {kept(func(r *connect.HoldResult) { r.Unasked = true }), nil, nil, verdicts.Kept, want{text: []string{"10 of 10", "nothing was asked on them, so they are open as far as this host knows", "(option keepalive asks)"}}},
		"nothing asked, cut short": {kept(func(r *connect.HoldResult) { r.Unasked, r.Duration, r.Instead = true, second, 10*second }), nil, nil, verdicts.Kept, want{
			text: []string{"after 1 s of a duration of 10 s; nothing was asked on them"},
		}},
		"nothing asked, and some lost, as tolerated": {kept(func(r *connect.HoldResult) { r.Unasked = true; closed(r) }), least(verdicts.Kept, 0.5), nil, verdicts.Kept, want{
			text: []string{"8 of 10", "nothing was asked on them"},
		}},
		"nothing asked, and lost": {kept(func(r *connect.HoldResult) { r.Unasked = true; closed(r) }), nil, nil, verdicts.Kept, want{fails: true, text: []string{"8 of 10"}, lacks: "is not known"}},
		"answers are not asked":   {kept(nil), nil, nil, verdicts.Answered, want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdicts.Hold(row.result, row.expect, row.changes)
			row.want.check(t, row.result.Judged, row.verdict)
			assert.NotNil(t, row.result.NeedlessByHost)
		})
	}
}
