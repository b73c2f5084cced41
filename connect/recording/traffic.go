package recording

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// traffic is a connect.TrafficResult as it stands in a file: with durations in nanoseconds, or in milliseconds if a script has
// written it.
type traffic struct {
	Network        string                   `json:"network"`
	Targets        bounded[string]          `json:"targets"`
	Rate           figure                   `json:"rate"`
	PacketSize     count                    `json:"packet_size"`
	Connections    count                    `json:"connections"`
	Lost           count                    `json:"lost"`
	Lasting        count                    `json:"lasting"`
	Reconnects     count                    `json:"reconnects"`
	FailedConnects count                    `json:"failed_connects"`
	Moved          count                    `json:"moved"`
	Sent           count                    `json:"sent"`
	Received       count                    `json:"received"`
	Dropped        count                    `json:"dropped"`
	Retransmits    count                    `json:"retransmits"`
	StartTime      time.Time                `json:"start_time"`
	Timeout        span                     `json:"timeout"`
	Duration       span                     `json:"duration"`
	States         connect.States           `json:"states"`
	ConnectTime    summary                  `json:"connect_time"`
	ErrorTime      summary                  `json:"error_time"`
	RTT            summary                  `json:"rtt"`
	SYNRetransmits count                    `json:"syn_retransmits"`
	LostByHost     hosts                    `json:"lost_by_host"`
	LastingByHost  hosts                    `json:"lasting_by_host"`
	RoundTrip      summary                  `json:"round_trip"`
	RoundTrips     bounded[bucket]          `json:"round_trips"`
	Errors         map[connect.Class]count  `json:"errors"`
	First          map[connect.Class]string `json:"first_errors"`
	FirstLoss      *span                    `json:"first_loss"`
	LastLoss       *span                    `json:"last_loss"`
	Recovered      *span                    `json:"recovered"`
	Samples        bounded[sample]          `json:"samples"`
	Records        bounded[record]          `json:"records"`
	Omitted        count                    `json:"records_omitted"`
	BySize         bounded[sizeCount]       `json:"by_size"`
	Corrupted      count                    `json:"corrupted"`
	CorruptedBy    hosts                    `json:"corrupted_by_host"`
	lossList
	judgedCall
}

type sample struct {
	Time       span  `json:"time"`
	Active     count `json:"active"`
	Connecting count `json:"connecting"`
	New        count `json:"new"`
	Lost       count `json:"lost"`
	Sent       count `json:"sent"`
	Received   count `json:"received"`
	Dropped    count `json:"dropped"`
}

type sizeCount struct {
	Size     count `json:"size"`
	Sent     count `json:"sent"`
	Received count `json:"received"`
}

type record struct {
	Started     span          `json:"started"`
	Connected   span          `json:"connected"`
	Answered    span          `json:"answered"`
	Ended       span          `json:"ended"`
	Error       connect.Class `json:"error"`
	Sent        count         `json:"sent"`
	Received    count         `json:"received"`
	Dropped     count         `json:"dropped"`
	Retransmits count         `json:"retransmits"`
	Local       string        `json:"local"`
	Remote      string        `json:"remote"`
	Host        string        `json:"host"`
}

type summary struct {
	Count count `json:"count"`
	Min   span  `json:"min"`
	Avg   span  `json:"avg"`
	Med   span  `json:"med"`
	Max   span  `json:"max"`
	Dev   span  `json:"dev"`
	P90   span  `json:"p(90)"`
	P95   span  `json:"p(95)"`
	P99   span  `json:"p(99)"`
}

func (s *summary) in(unit time.Duration) stats.Summary {
	return stats.Summary{
		Min: s.Min.in(unit), Avg: s.Avg.in(unit), Med: s.Med.in(unit), Max: s.Max.in(unit),
		Dev: s.Dev.in(unit), P90: s.P90.in(unit), P95: s.P95.in(unit), P99: s.P99.in(unit),
	}
}

func (s *summary) spread(unit time.Duration) Spread {
	spread := SpreadOf(s.in(unit))
	spread.Count = int64(s.Count)
	return spread
}

type bucket struct {
	From  span  `json:"from"`
	To    span  `json:"to"`
	Count count `json:"count"`
}

// toBuckets leaves out buckets that are not in order.
func toBuckets(list []bucket, unit time.Duration) []stats.Bucket {
	buckets := make([]stats.Bucket, 0, len(list))
	var end time.Duration
	for _, b := range list {
		from, to := b.From.in(unit), b.To.in(unit)
		if from >= end && to > from {
			buckets = append(buckets, stats.Bucket{From: from, To: to, Count: int64(b.Count)})
			end = to
		}
	}
	return buckets
}

func readTraffic(text []byte) (*Report, error) {
	var t traffic
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, err
	}
	left := maxLength
	r, err := t.result(&left)
	if err != nil {
		return nil, err
	}
	report := &Report{StartTime: r.StartTime, Duration: r.Duration, Calls: 1, Traffic: []*connect.TrafficResult{r}}
	if len(r.Verdicts) > 0 {
		report.ByCall = []*Call{bareTraffic(r)}
	}
	return report, nil
}

// result takes from left the seconds that it has to make up.
func (t *traffic) result(left *time.Duration) (*connect.TrafficResult, error) {
	unit := t.unit()
	if float64(t.Duration)*float64(unit) > float64(maxLength) {
		return nil, fmt.Errorf("a duration of %v × %s; want at most %s", float64(t.Duration), unit, maxLength)
	}
	r := &connect.TrafficResult{
		Network: name(t.Network), Targets: namesOf(t.Targets), Rate: float64(t.Rate), PacketSize: int(t.PacketSize),
		Connections: int64(t.Connections), Lost: int64(t.Lost), Lasting: int64(t.Lasting), Reconnects: int64(t.Reconnects),
		FailedConnects: int64(t.FailedConnects), Moved: int64(t.Moved), Sent: int64(t.Sent), Received: int64(t.Received),
		Dropped: int64(t.Dropped), Retransmits: int64(t.Retransmits),
		StartTime: t.StartTime, Timeout: t.Timeout.in(unit), Duration: t.Duration.in(unit), States: t.States,
		ConnectTime: t.ConnectTime.in(unit), ErrorTime: t.ErrorTime.in(unit), RTT: t.RTT.in(unit), SYNRetransmits: int64(t.SYNRetransmits),
		LostByHost: connect.Hosts(t.LostByHost), LastingByHost: connect.Hosts(t.LastingByHost),
		RoundTrip: t.RoundTrip.in(unit), RoundTrips: toBuckets(t.RoundTrips, unit),
		Errors: toErrors(t.Errors), First: toFirst(t.First),
		Omitted:   int64(t.Omitted),
		Corrupted: int64(t.Corrupted), CorruptedByHost: connect.Hosts(t.CorruptedBy), Losses: t.in(unit), Judged: t.judged(),
		FirstLoss: t.FirstLoss.inUnless(unit), LastLoss: t.LastLoss.inUnless(unit), Recovered: t.Recovered.inUnless(unit),
	}
	for _, size := range t.BySize {
		r.BySize = append(r.BySize, connect.SizeCount{Size: int(size.Size), Sent: int64(size.Sent), Received: int64(size.Received)})
	}
	for i := range t.Records {
		r.Records = append(r.Records, t.Records[i].in(unit))
	}
	for i := range t.Samples {
		r.Samples = append(r.Samples, t.Samples[i].in(unit))
	}
	if len(r.Samples) == 0 {
		if *left -= r.Duration; *left < 0 {
			return nil, fmt.Errorf("calls without samples that last more than %s together; want shorter ones", maxLength)
		}
		r.Samples = Seconds(r.Records, r.Duration)
	}
	return r, nil
}

// unit is the one in which a sample is about a second. Without a sample, the call was shorter than a second.
func (t *traffic) unit() time.Duration {
	const between = 1e6 // thousand times a second in ms, a thousandth of one in ns
	if float64(t.Duration)/float64(max(len(t.Samples), 1)) < between {
		return time.Millisecond
	}
	return time.Nanosecond
}

func (s *sample) in(unit time.Duration) connect.TrafficSample {
	return connect.TrafficSample{
		Time: s.Time.in(unit), Active: int64(s.Active), Connecting: int64(s.Connecting), New: int64(s.New), Lost: int64(s.Lost),
		Sent: int64(s.Sent), Received: int64(s.Received), Dropped: int64(s.Dropped),
	}
}

func (r *record) in(unit time.Duration) connect.TrafficRecord {
	return connect.TrafficRecord{
		Started: r.Started.in(unit), Connected: r.Connected.in(unit), Answered: r.Answered.in(unit), Ended: r.Ended.in(unit), Error: r.Error,
		Sent: int64(r.Sent), Received: int64(r.Received), Dropped: int64(r.Dropped), Retransmits: int64(r.Retransmits),
		Local: address(r.Local), Remote: address(r.Remote), Host: name(r.Host),
	}
}

// address is the zero one if the text is none: nothing here depends on it.
func address(text string) netip.AddrPort {
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}
	}
	return a
}
