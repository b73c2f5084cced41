package recording

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// ctraffic is what `ctraffic -stats all` writes; all times are in nanoseconds since the start. Older versions know no addresses and
// hosts, and with -stats summary there are neither connections nor samples.
type ctraffic struct {
	Started           time.Time
	Duration          span
	Rate              figure
	Connections       count
	PacketSize        count
	FailedConnections count
	Sent              count
	Received          count
	Dropped           count
	Retransmits       count
	FailedConnects    count
	ConnStats         bounded[ctrafficConnection]
	Samples           bounded[ctrafficSample]
}

type ctrafficConnection struct {
	Started, Connect, Ended              span
	Err                                  string
	Sent, Received, Dropped, Retransmits count
	Local, Remote, Host                  string
}

// ctrafficSample holds totals since the start.
type ctrafficSample struct {
	Time                    span
	Sent, Received, Dropped count
}

func readCtraffic(text []byte) (*Report, error) {
	var c ctraffic
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	switch {
	case c.Duration <= 0 || float64(c.Duration) > float64(maxLength):
		return nil, fmt.Errorf("duration %v ns; want one above 0, up to %s", float64(c.Duration), maxLength)
	case len(c.ConnStats) == 0 && len(c.Samples) == 0 && c.Connections == 0:
		return nil, errors.New("it has neither ConnStats nor Samples, nor Connections as a summary has; want what ctraffic writes with -stats all, or with -stats summary")
	case len(c.ConnStats) > connect.MaxTrafficRecords:
		return nil, fmt.Errorf("%d connections; want at most %d", len(c.ConnStats), connect.MaxTrafficRecords)
	}
	r := c.result()
	return &Report{StartTime: r.StartTime, Duration: r.Duration, Calls: 1, Traffic: []*connect.TrafficResult{r}}, nil
}

func (c *ctraffic) result() *connect.TrafficResult {
	r := &connect.TrafficResult{
		Network: "tcp", Rate: float64(c.Rate), PacketSize: int(c.PacketSize), Connections: int64(c.Connections), Lost: int64(c.FailedConnections),
		FailedConnects: int64(c.FailedConnects), Sent: int64(c.Sent), Received: int64(c.Received), Dropped: int64(c.Dropped),
		Retransmits: int64(c.Retransmits), StartTime: c.Started, Duration: c.Duration.in(1),
		LostByHost: connect.Hosts{}, LastingByHost: connect.Hosts{}, Errors: map[connect.Class]int64{}, First: map[connect.Class]connect.Failure{},
	}
	for i := range c.ConnStats {
		c.ConnStats[i].enter(r)
	}
	if len(c.ConnStats) == 0 && len(c.Samples) == 0 {
		return r // a summary
	}
	r.Samples = Seconds(r.Records, r.Duration)
	c.throughput(r.Samples)
	if len(r.Records) > 0 {
		losses(r)
	}
	return r
}

// enter adds a connection to the result.
func (s *ctrafficConnection) enter(r *connect.TrafficResult) {
	record := connect.TrafficRecord{
		Started: s.Started.in(1), Connected: s.Connect.in(1), Ended: s.Ended.in(1), Error: classOf(s.Err),
		Sent: int64(s.Sent), Received: int64(s.Received), Dropped: int64(s.Dropped), Retransmits: int64(s.Retransmits),
		Local: address(s.Local), Remote: address(s.Remote), Host: hostName(s.Host),
	}
	r.Records = append(r.Records, record)
	if remote := name(s.Remote); s.Remote != "" && len(r.Targets) < 10 && !slices.Contains(r.Targets, remote) {
		r.Targets = append(r.Targets, remote)
	}
	switch class := record.Error; {
	case class != connect.ClassNone:
		r.LostByHost.Add(record.Host, 1)
		r.Errors[class]++
		if _, known := r.First[class]; !known {
			r.First[class] = connect.Failure{Class: class, Text: name(s.Err)}
		}
	case record.Connected > 0:
		r.Lasting++
		r.LastingByHost.Add(record.Host, 1)
	}
}

// classOf classifies the text of an error of Go's package net.
func classOf(text string) connect.Class {
	if text == "" {
		return connect.ClassNone
	}
	for _, kind := range []struct {
		part  string
		class connect.Class
	}{
		{"i/o timeout", connect.ClassNoReply}, // no echo within a second
		{"connection reset", connect.ClassReset},
		{"broken pipe", connect.ClassReset},
		{"EOF", connect.ClassClosed},
		{"connection refused", connect.ClassRefused},
		{"no route to host", connect.ClassHostUnreachable},
		{"host is unreachable", connect.ClassHostUnreachable},
		{"network is unreachable", connect.ClassNetUnreachable},
	} {
		if strings.Contains(text, kind.part) {
			return kind.class
		}
	}
	return connect.ClassOther
}

// throughput tells from ctraffic's totals, which it notes about once a second, what was sent and received in each second: the totals
// at its end are taken to lie on the straight line between the notes before and after.
func (c *ctraffic) throughput(samples []connect.TrafficSample) {
	notes := slices.Concat(c.Samples, []ctrafficSample{{c.Duration, c.Sent, c.Received, c.Dropped}})
	slices.SortStableFunc(notes, func(a, b ctrafficSample) int { return cmp.Compare(a.Time, b.Time) })
	var last [3]int64
	for i := range samples {
		s := &samples[i]
		total := totalsAt(notes, span(s.Time))
		s.Sent, s.Received, s.Dropped = max(total[0]-last[0], 0), max(total[1]-last[1], 0), max(total[2]-last[2], 0)
		last = total
	}
}

// totalsAt are packets sent, received and dropped until an instant.
func totalsAt(notes []ctrafficSample, at span) [3]int64 {
	next := sort.Search(len(notes), func(i int) bool { return notes[i].Time >= at })
	if next == len(notes) {
		next--
	}
	var before ctrafficSample
	if next > 0 {
		before = notes[next-1]
	}
	after := notes[next]
	part := 1.0
	if after.Time > before.Time {
		part = min(float64(at-before.Time)/float64(after.Time-before.Time), 1)
	}
	between := func(a, b count) int64 { return int64(a) + int64(part*float64(b-a)) }
	return [3]int64{between(before.Sent, after.Sent), between(before.Received, after.Received), between(before.Dropped, after.Dropped)}
}

// losses tells from the records when connections were lost and all were up again, and how many were redialed.
func losses(r *connect.TrafficResult) {
	var established int64
	for i := range r.Records {
		record := &r.Records[i]
		if record.Connected > 0 {
			established++
		}
		if record.Error == connect.ClassNone {
			continue
		}
		if r.FirstLoss == nil || record.Ended < *r.FirstLoss {
			r.FirstLoss = &record.Ended
		}
		if r.LastLoss == nil || record.Ended > *r.LastLoss {
			r.LastLoss = &record.Ended
		}
	}
	r.Reconnects = max(established-r.Connections, 0)
	if r.LastLoss != nil {
		r.Recovered = recovered(r, *r.LastLoss)
	}
}

// recovered is when as many connections as wanted were up again after the last loss; nil if that never was.
func recovered(r *connect.TrafficResult, lastLoss time.Duration) *time.Duration {
	var later []time.Duration // when connections were established after the last loss
	missing := r.Connections
	for i := range r.Records {
		switch record := &r.Records[i]; {
		case record.Connected == 0:
		case record.Connected > lastLoss:
			later = append(later, record.Connected)
		case record.Ended > lastLoss:
			missing--
		}
	}
	slices.Sort(later)
	switch {
	case missing <= 0:
		return &lastLoss
	case missing > int64(len(later)):
		return nil
	}
	return &later[missing-1]
}
