package recording

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// About is what a call was asked to do, as far as its result does not tell. Calls that are about the same are told together.
type About struct {
	Call    string            `json:"call"`              // flood, hold, traffic, capacity, idle, ping, tcpPing, disruption, sockets
	Network string            `json:"network,omitempty"` // tcp, udp or tls, with suffix
	Targets []string          `json:"targets"`           // as the user has named them
	From    string            `json:"from,omitempty"`    // where pings came from, if the user has named it
	To      string            `json:"to,omitempty"`      // where they went, likewise
	Tags    map[string]string `json:"tags,omitempty"`    // the call's own
	Answers bool              `json:"answers"`           // the connections of a flood are to be answered
	Expect  verdicts.Expect   `json:"expect"`

	Weights map[string]float64 `json:"weights,omitempty"` // the shares that hosts are due, in relation to each other

	Bare bool `json:"bare,omitempty"` // a result alone: what was expected of it is not known
}

// key is the same for calls that are about the same.
func (a *About) key() string {
	text, _ := json.Marshal(a) // it has nothing that can't be
	return string(text)
}

// Call adds up all calls that are about the same. Durations are in nanoseconds; all instants are since StartTime.
type Call struct {
	About
	Calls     int64         `json:"calls"`
	StartTime time.Time     `json:"start_time"` // of the first
	Duration  time.Duration `json:"duration"`   // from there to the end of the last
	Making    []Span        `json:"making"`     // when connections were made

	Asked       int64 `json:"asked"`       // connections
	Begun       int64 `json:"begun"`       // of these
	Established int64 `json:"established"` // of these
	Answered    int64 `json:"answered"`    // of these; as they should
	Held        int64 `json:"held"`        // at the end, by hold() and traffic(); by capacity(), at most
	HeldMax     int64 `json:"held_max"`    // most at once; of several calls, the sum of theirs
	Lost        int64 `json:"lost"`        // established ones that ended before their time
	Excused     int64 `json:"excused"`     // of these, by announced changes
	Down        int64 `json:"down"`        // of traffic(), at the end, and not by announced changes

	FailedConnects int64                    `json:"failed_connects"`
	FailedReads    int64                    `json:"failed_reads"`
	SYNRetransmits int64                    `json:"syn_retransmits"`
	Retried        int64                    `json:"retried"`           // connections that took more than one SYN
	Unasked        int64                    `json:"unasked,omitempty"` // connections of hold(), on which nothing was asked
	SourcesUsed    int64                    `json:"sources_used"`
	Errors         map[connect.Class]int64  `json:"errors"`
	ConnectErrors  map[connect.Class]int64  `json:"connect_errors"` // the part of Errors that failed to connect
	First          map[connect.Class]string `json:"first_errors"`

	ConnectTime stats.Distribution            `json:"connect_time"`
	ReplyTime   stats.Distribution            `json:"reply_time"` // of answers, keepalives, packets or pings
	RTT         stats.Distribution            `json:"rtt"`
	Hosts       connect.Hosts                 `json:"hosts"`   // answers, or connections
	ByHost      map[string]stats.Distribution `json:"by_host"` // times to answer, roughly; of at most 1,000 hosts

	NeedlessByHost connect.Hosts    `json:"needless_by_host"`
	ClosedBy       connect.ClosedBy `json:"closed_by"`
	Outages        []connect.Outage `json:"outages"`
	Changes        []connect.Change `json:"changes"`

	OverTime []connect.HoldSample `json:"over_time"` // of hold()
	Packets  *Packets             `json:"packets,omitempty"`
	Limits   []CapacityFound      `json:"limits,omitempty"`   // one for each call of capacity()
	Silences []SilenceFound       `json:"silences,omitempty"` // one for each call of idle()
	Health   []Beat               `json:"health,omitempty"`   // of pings
	Phases   *Phases              `json:"phases,omitempty"`   // of pings

	Verdicts []Judgement `json:"verdicts"`

	id string // of what it is about
}

// Span is a time from one instant to another.
type Span struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Packets is what has become of the packets of traffic().
type Packets struct {
	Sent        int64 `json:"sent"`
	Received    int64 `json:"received"`
	Dropped     int64 `json:"dropped"`
	Retransmits int64 `json:"retransmits"`
	Corrupted   int64 `json:"corrupted"`
	Reconnects  int64 `json:"reconnects"`
	Moved       int64 `json:"moved"`
	Once        bool  `json:"once"` // lost connections were not dialed again
}

// CapacityFound is what a call of capacity() has found.
type CapacityFound struct {
	Connections int64                  `json:"connections"`
	Limit       connect.Limit          `json:"limit"`
	LowerBound  bool                   `json:"lower_bound"`
	Explanation string                 `json:"explanation"`
	Steps       []connect.CapacityStep `json:"steps"`
}

// SilenceFound is what a call of idle() has found.
type SilenceFound struct {
	Timeout  *time.Duration  `json:"timeout"`
	How      connect.IdleHow `json:"how"`
	AtLeast  time.Duration   `json:"at_least"`
	AtMost   *time.Duration  `json:"at_most"`
	Finished bool            `json:"finished"`
	From     time.Duration   `json:"from"` // the shortest silence that was to be tried
	To       time.Duration   `json:"to"`   // the longest one
}

// Beat is what pings have told within an interval.
type Beat struct {
	Time   time.Duration `json:"time"` // of the first
	Pings  int64         `json:"pings"`
	Failed int64         `json:"failed"`
	Slow   time.Duration `json:"slowest"`
}

// Judgement is a verdict of all calls that are about the same.
type Judgement struct {
	Name   string `json:"name"`
	Held   int64  `json:"held"`   // calls for which it held
	Failed int64  `json:"failed"` // calls for which it did not
	Text   string `json:"text"`   // of the first that failed, else of the last that held
}

// OK reports whether it held for all calls.
func (j *Judgement) OK() bool { return j.Failed == 0 }

// judgements makes them of one call's verdicts. Several of one name (prompt, of SYNs and of answers) are one.
func judgements(list []connect.Verdict) []Judgement {
	all := make([]Judgement, 0, len(list))
	for i := range list {
		j := Judgement{Name: list[i].Name, Held: 1, Text: list[i].Text}
		if !list[i].OK {
			j.Held, j.Failed = 0, 1
		}
		known := slices.IndexFunc(all, func(k Judgement) bool { return k.Name == j.Name })
		switch {
		case known < 0:
			all = append(all, j)
		case all[known].OK() == j.OK():
			all[known].Text += "; " + j.Text
		case !j.OK():
			all[known] = j
		}
	}
	return all
}

func addJudgement(to []Judgement, j Judgement) []Judgement {
	i := slices.IndexFunc(to, func(known Judgement) bool { return known.Name == j.Name })
	if i < 0 {
		return append(to, j)
	}
	known := &to[i]
	if known.OK() {
		known.Text = j.Text
	}
	known.Held += j.Held
	known.Failed += j.Failed
	return to
}

// end is the instant at which the last call was over.
func (c *Call) end() time.Time { return c.StartTime.Add(c.Duration) }

// MakingTime is for how long connections were made; calls that did so at the same time count once.
func (c *Call) MakingTime() (sum time.Duration) {
	for _, s := range c.Making {
		sum += s.To - s.From
	}
	return sum
}

// Rate is how many connections were begun in each second in which connections were made; 0 if that is too short to tell.
func (c *Call) Rate() float64 {
	const fewest = 10
	making := c.MakingTime()
	if c.Begun < fewest || making <= 0 {
		return 0
	}
	return float64(c.Begun) / making.Seconds()
}

// Failed counts the verdicts that do not hold.
func (c *Call) Failed() (n int) {
	for i := range c.Verdicts {
		if !c.Verdicts[i].OK() {
			n++
		}
	}
	return n
}

// What is kept of all calls together.
const (
	maxSpans    = 1000
	maxOutages  = 10_000
	maxFound    = 100
	maxBeats    = 1000
	maxOverTime = 1000
)

// Plus adds up two calls that are about the same. It changes neither.
func (c *Call) Plus(d *Call) *Call {
	sum := *c
	if d.StartTime.Before(sum.StartTime) {
		sum.StartTime = d.StartTime
	}
	end := c.end()
	if d.end().After(end) {
		end = d.end()
	}
	sum.Duration = end.Sub(sum.StartTime)
	a, b := c.StartTime.Sub(sum.StartTime), d.StartTime.Sub(sum.StartTime) // what their instants are later by
	sum.Calls += d.Calls
	sum.addCounts(d)
	sum.ConnectTime, sum.ReplyTime, sum.RTT = c.ConnectTime.Plus(d.ConnectTime), c.ReplyTime.Plus(d.ReplyTime), c.RTT.Plus(d.RTT)
	sum.ByHost = plusByHost(c.ByHost, d.ByHost)
	sum.Phases = c.Phases.plus(d.Phases)
	sum.Making = plusSpans(c.Making, a, d.Making, b)
	sum.Outages = plusOutages(c.Outages, a, d.Outages, b, c.end().Sub(sum.StartTime), d.end().Sub(sum.StartTime))
	sum.Changes = plusChanges(c.Changes, a, d.Changes, b)
	sum.OverTime = plusOverTime(c.OverTime, a, d.OverTime, b)
	sum.Health = plusHealth(c.Health, a, d.Health, b)
	sum.Limits = last(slices.Concat(c.Limits, d.Limits), maxFound)
	sum.Silences = last(slices.Concat(c.Silences, d.Silences), maxFound)
	sum.Verdicts = slices.Clone(c.Verdicts)
	for _, j := range d.Verdicts {
		sum.Verdicts = addJudgement(sum.Verdicts, j)
	}
	return &sum
}

// addCounts adds what is only counted. Maps are not shared.
func (c *Call) addCounts(d *Call) {
	for _, pair := range []struct {
		to   *int64
		more int64
	}{
		{&c.Asked, d.Asked},
		{&c.Begun, d.Begun},
		{&c.Established, d.Established},
		{&c.Answered, d.Answered},
		{&c.Held, d.Held},
		{&c.HeldMax, d.HeldMax},
		{&c.Lost, d.Lost},
		{&c.Excused, d.Excused},
		{&c.Down, d.Down},
		{&c.FailedConnects, d.FailedConnects},
		{&c.FailedReads, d.FailedReads},
		{&c.SYNRetransmits, d.SYNRetransmits},
		{&c.Retried, d.Retried},
		{&c.Unasked, d.Unasked},
		{&c.SourcesUsed, d.SourcesUsed},
		{&c.ClosedBy.FIN, d.ClosedBy.FIN},
		{&c.ClosedBy.RST, d.ClosedBy.RST},
	} {
		*pair.to += pair.more
	}
	c.Errors, c.ConnectErrors = plusCounts(c.Errors, d.Errors), plusCounts(c.ConnectErrors, d.ConnectErrors)
	c.Hosts, c.NeedlessByHost = plusHosts(c.Hosts, d.Hosts), plusHosts(c.NeedlessByHost, d.NeedlessByHost)
	first := maps.Clone(d.First)
	if first == nil {
		first = map[connect.Class]string{}
	}
	maps.Copy(first, c.First)
	c.First = first
	switch {
	case c.Packets == nil:
		c.Packets = d.Packets
	case d.Packets != nil:
		p, q := *c.Packets, d.Packets
		c.Packets = &Packets{
			p.Sent + q.Sent, p.Received + q.Received, p.Dropped + q.Dropped, p.Retransmits + q.Retransmits,
			p.Corrupted + q.Corrupted, p.Reconnects + q.Reconnects, p.Moved + q.Moved,
			p.Once || q.Once,
		}
	}
}

func plusCounts[K comparable](a, b map[K]int64) map[K]int64 {
	sum := make(map[K]int64, len(a)+len(b))
	maps.Copy(sum, a)
	for k, n := range b {
		sum[k] += n
	}
	return sum
}

func plusHosts(a, b connect.Hosts) connect.Hosts {
	sum := make(connect.Hosts, len(a))
	maps.Copy(sum, a)
	for name, n := range b {
		sum.Add(name, n)
	}
	return sum
}

func plusByHost(a, b map[string]stats.Distribution) map[string]stats.Distribution {
	sum := make(map[string]stats.Distribution, len(a))
	maps.Copy(sum, a)
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if known, has := sum[name]; has || len(sum) < connect.MaxHostTimes {
			sum[name] = known.Plus(b[name])
		}
	}
	return sum
}

// last are the last elements of a list.
func last[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }
