package picture_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// durations are those of a network that now and then sends a packet again.
func durations(random *rand.Rand, n int, typical time.Duration) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = typical + time.Duration(random.ExpFloat64()*float64(typical)/2)
		if random.Float64() < 0.01 {
			list[i] += 200 * time.Millisecond
		}
	}
	slices.Sort(list)
	return list
}

// backends are names for as many hosts.
func backends(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("mconnect-deployment-5897ffb75c-%03d", i+1)
	}
	return names
}

// failover is traffic to backends the first tenth of which fails after 20 of 60 seconds.
func failover(names []string) *connect.TrafficResult {
	random := rand.New(rand.NewPCG(1, uint64(len(names))))
	const connections, length = 400, 60
	t := &connect.TrafficResult{
		Network: "tcp", Targets: []string{"10.0.0.0:5003"}, Rate: 4000, PacketSize: 1024, Connections: connections,
		StartTime: time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC), Duration: length * time.Second,
		LostByHost: connect.Hosts{}, LastingByHost: connect.Hosts{}, Retransmits: 31,
		Errors: map[connect.Class]int64{}, First: map[connect.Class]connect.Failure{connect.ClassReset: {Text: "tcp 10.0.0.0:5003 from 10.1.0.7: reset after 20.2s: read: connection reset by peer"}},
	}
	failing := max(len(names)/10, 1)
	for range connections {
		host := random.IntN(len(names))
		if host < failing {
			t.Lost++
			t.LostByHost.Add(names[host], 1)
			host = failing + random.IntN(max(len(names)-failing, 1))
		}
		t.LastingByHost.Add(names[min(host, len(names)-1)], 1)
	}
	t.Lasting, t.Reconnects = connections, t.Lost
	t.Errors[connect.ClassReset] = t.Lost
	t.FirstLoss, t.LastLoss, t.Recovered = new(20300*time.Millisecond), new(21100*time.Millisecond), new(22800*time.Millisecond)
	for second := range length {
		s := connect.TrafficSample{Time: time.Duration(second+1) * time.Second, Active: connections, Sent: 4000 - random.Int64N(20), Received: 4000 - random.Int64N(30)}
		switch second {
		case 0:
			s.New = connections
		case 20:
			s.Lost, s.Connecting = t.Lost*3/4, t.Lost*3/4
			s.Dropped, s.Received = 310, 3500
		case 21:
			s.Lost, s.Connecting = t.Lost-t.Lost*3/4, t.Lost
			s.Dropped, s.Received = 590, 3300
		case 22:
			s.New = t.Lost
		}
		s.Active -= s.Connecting
		t.Sent, t.Received, t.Dropped = t.Sent+s.Sent, t.Received+s.Received, t.Dropped+s.Dropped
		t.Samples = append(t.Samples, s)
	}
	times := durations(random, 5000, 700*time.Microsecond)
	t.RoundTrip, t.RoundTrips = stats.Summarize(times), stats.BucketsOf(times)
	return t
}

// report is one of everything.
func report(n int) *recording.Report {
	random := rand.New(rand.NewPCG(2, uint64(n)))
	names := backends(n)
	r := &recording.Report{
		Hosts: connect.Hosts{}, Connects: 20_012, FailedConnects: 12, StartTime: time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC), Duration: 75 * time.Second, Calls: 3,
		Errors: map[connect.Class]int64{connect.ClassTimeout: 9, connect.ClassRefused: 3},
		First:  map[connect.Class]connect.Failure{connect.ClassTimeout: {Text: "tcp 10.0.0.0:5001: timeout after 5s: connect; check the route and firewalls"}},
	}
	for range 20_000 {
		r.Hosts.Add(names[random.IntN(n)], 1)
	}
	r.Balance = balance.Of(r.Hosts, nil)
	times := durations(random, 5000, 90*time.Microsecond)
	r.ConnectTimes, r.ConnectTime = stats.BucketsOf(times), recording.SpreadOf(stats.Summarize(times))
	r.Traffic = []*connect.TrafficResult{failover(names)}
	v := &disruption.Verdict{
		Model: disruption.Maglev, Backends: names, Removed: names[:1], Flows: 2000, Moved: 290, MovedShare: 0.145, IdealShare: 1 / float64(n), Inevitable: 201, Needless: 89,
		From: map[string]int64{names[0]: 201}, To: map[string]int64{},
	}
	v.Excess = v.MovedShare - v.IdealShare
	for range 89 {
		v.From[names[random.IntN(n)]]++
	}
	for range 290 {
		v.To[names[(1+random.IntN(max(n-1, 1)))%n]]++
	}
	r.Disruptions = []recording.Disruption{{Verdict: v}}
	return r
}
