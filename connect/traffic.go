package connect

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// TrafficPlan says which connections to keep up, and how much to send on them. The peer is to echo what it gets, as ctraffic's server and
// `mconnect-server -echo` do. Connections are made as fast as Concurrency allows, so Plan.Rate must not be set. Plan.Payload and
// Plan.Reply are not used. Plan.ConnectTimeout is by default DefaultTrafficConnectTimeout, and Plan.Timeout is by default Duration plus
// LossTimeout plus 1 s.
//
// Each connection has one packet on its way at a time. Packets that are due before its echo has come are dropped. Over UDP, packets are
// sent however late the last echo is.
type TrafficPlan struct {
	Plan
	Duration    time.Duration // 0 means DefaultTrafficDuration
	Throughput  float64       // KB/s (1024 bytes) of all connections together; 0 sends a packet as soon as the last one has come back
	PacketSizes []int         // bytes, sizes of packets that take turns; none means DefaultPacketSize
	Verify      bool          // compare each echo with what was sent
	HalfClose   bool          // at the end, shut down the sending side of each connection, and wait for the peer's FIN
	LossTimeout time.Duration // a connection without an echo for so long is lost; 0 means DefaultLossTimeout
	NoReconnect bool          // do not dial again what is lost

	// Packets, if set, is told what happens to packets while the call runs.
	Packets PacketObserver
}

// PacketObserver is told what happens to packets. Its methods are called by the goroutine that calls the plan's Observer.
type PacketObserver interface {
	// Echoes is given packets that have come back, in batches. The slice is reused after it returns.
	Echoes(batch []Echo)
	// Sample is told what has happened since it was called last: about every second, and at the end.
	Sample(s TrafficSample, reconnects, moved int64)
}

// Defaults of a TrafficPlan, those of ctraffic.
const (
	DefaultTrafficDuration       = 10 * time.Second
	DefaultPacketSize            = 1024
	DefaultLossTimeout           = time.Second
	DefaultTrafficConnectTimeout = 1500 * time.Millisecond
)

// Bounds of a TrafficPlan.
const (
	MinPacketSize   = rules.HelloSize
	MinDatagramSize = rules.HelloSize + rules.StampSize
	MaxPacketSize   = rules.MaxPacketSize
	MaxDatagramSize = 65507 // of UDP over IPv4
)

func (p TrafficPlan) withDefaults() TrafficPlan {
	if p.ConnectTimeout == 0 {
		p.ConnectTimeout = DefaultTrafficConnectTimeout
	}
	if p.Duration == 0 {
		p.Duration = DefaultTrafficDuration
	}
	if len(p.PacketSizes) == 0 {
		p.PacketSizes = []int{DefaultPacketSize}
	}
	if p.LossTimeout == 0 {
		p.LossTimeout = DefaultLossTimeout
	}
	if p.Timeout == 0 {
		p.Timeout = p.Duration + p.LossTimeout + time.Second
	}
	p.Plan = p.Plan.withDefaults()
	return p
}

// validate returns a *PlanError for what is wrong.
func (p *TrafficPlan) validate() error {
	if err := p.check(); err != nil {
		return &PlanError{err}
	}
	return p.Plan.validate()
}

func (p *TrafficPlan) check() error {
	smallest, largest := MinPacketSize, MaxPacketSize
	if p.Protocol() == "udp" {
		smallest, largest = MinDatagramSize, MaxDatagramSize
	}
	switch {
	case p.Duration < 0:
		return fmt.Errorf("duration %v; want a positive duration", p.Duration)
	case p.Rate != 0:
		return fmt.Errorf("rate %v of connections; want none, but for packets a throughput", p.Rate)
	case p.Throughput < 0:
		return fmt.Errorf("throughput %v; want KB/s of all connections together, or 0 for as fast as the echoes come", p.Throughput)
	case slices.Min(p.PacketSizes) < smallest || slices.Max(p.PacketSizes) > largest:
		return fmt.Errorf("packet sizes %v; want %d to %d bytes with network %s", p.PacketSizes, smallest, largest, p.Network)
	case p.HalfClose && p.Protocol() == "udp":
		return errors.New("half-close with network udp; want tcp or tls, since UDP has no end of a stream")
	case p.LossTimeout < 0:
		return fmt.Errorf("loss timeout %v; want a positive duration", p.LossTimeout)
	}
	return nil
}

// Traffic keeps connections up, sends packets on them, and waits for their echoes, for the plan's duration or until ctx is done. An error
// means that the plan is wrong or the event loops could not start.
func (e *Engine) Traffic(ctx context.Context, plan TrafficPlan) (*TrafficResult, error) {
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	c := e.newTraffic(plan)
	r, err := e.start(c.job, c.rules.New)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	collector := collector{
		job: c.job, runner: r, observer: sampling{plan.Observer, c.tally}, monitor: plan.Monitor,
		tally: c.tally, drain: c.drain, atEnd: ClassAborted,
	}
	collector.run(ctx)
	c.tally.sample(c.job.Length())
	result := c.tally.result()
	result.Interrupted = ctx.Err() != nil
	result.NewPortAnswered = c.probe(ctx, result)
	return result, nil
}

// trafficCall is a call of traffic under way.
type trafficCall struct {
	job   *engine.Job
	rules *rules.Traffic
	tally *trafficTally
}

// newTraffic starts the time of a plan, which has its defaults.
func (e *Engine) newTraffic(plan TrafficPlan) *trafficCall {
	j := e.newJob(&plan.Plan, func(p *engine.Plan) {
		p.Keeps, p.Duration, p.Late, p.ReadSize = true, plan.Duration, ClassTimeout, slices.Max(plan.PacketSizes)
	})
	r := &rules.Traffic{Throughput: plan.Throughput, Sizes: plan.PacketSizes, LossTimeout: plan.LossTimeout, NoReconnect: plan.NoReconnect, Verify: plan.Verify, HalfClose: plan.HalfClose}
	r.Init(j)
	return &trafficCall{job: j, rules: r, tally: newTrafficTally(&plan, j, r)}
}

func (c *trafficCall) drain() { c.rules.Echoes.Drain(c.tally.echoed) }

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p TrafficPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// Traffic makes one call on an engine of its own; see [Engine.Traffic].
func Traffic(ctx context.Context, plan TrafficPlan) (*TrafficResult, error) {
	var e Engine
	return e.Traffic(ctx, plan)
}

// TrafficResult is what has become of the connections of a traffic call. As JSON, durations are in nanoseconds.
//
// Connections + Reconnects = Lost + Lasting + the connections that were never established, where a redialed connection is a new one,
// and Sent = Received + the packets that were lost with their connections, or on the way (UDP).
type TrafficResult struct {
	Network        string        `json:"network"`
	Targets        []string      `json:"targets"`
	Rate           float64       `json:"rate"`        // KB/s in total that were asked for; 0 is as fast as possible
	PacketSize     int           `json:"packet_size"` // bytes
	Connections    int64         `json:"connections"` // asked for at once
	Lost           int64         `json:"lost"`        // died under traffic
	Lasting        int64         `json:"lasting"`     // alive at the end
	Reconnects     int64         `json:"reconnects"`  // connections that were established in place of lost ones
	FailedConnects int64         `json:"failed_connects"`
	Moved          int64         `json:"moved"`       // flows that another host went on to answer (UDP)
	Sent           int64         `json:"sent"`        // packets
	Received       int64         `json:"received"`    // packets
	Dropped        int64         `json:"dropped"`     // packets that could not be sent in their slot, as an echo was late
	Retransmits    int64         `json:"retransmits"` // TCP segments that the kernel sent again
	StartTime      time.Time     `json:"start_time"`
	Timeout        time.Duration `json:"timeout"`
	Duration       time.Duration `json:"duration"`
	States         States        `json:"states"` // of all connections that were dialed, again and again

	ConnectTime    stats.Summary `json:"connect_time"`
	ErrorTime      stats.Summary `json:"error_time"`
	RTT            stats.Summary `json:"rtt"` // kernel's handshake round trip, where it has one
	SYNRetransmits int64         `json:"syn_retransmits"`

	LostByHost    Hosts             `json:"lost_by_host"`
	LastingByHost Hosts             `json:"lasting_by_host"`
	RoundTrip     stats.Summary     `json:"round_trip"` // of packets, from the instant each was due
	RoundTrips    []stats.Bucket    `json:"round_trips"`
	Errors        map[Class]int64   `json:"errors"` // why connects failed and connections were lost
	First         map[Class]Failure `json:"first_errors"`

	// FirstLoss and LastLoss are when the first and the last connection was lost, Recovered when all connections were up again after
	// the last loss, and each had got an echo; all since the start, and nil if that did not happen.
	FirstLoss *time.Duration `json:"first_loss"`
	LastLoss  *time.Duration `json:"last_loss"`
	Recovered *time.Duration `json:"recovered"`

	BySize    []SizeCount `json:"by_size"`   // packets by their sizes
	Corrupted int64       `json:"corrupted"` // packets that came back with other bytes than were sent

	CorruptedByHost Hosts `json:"corrupted_by_host"`
	Losses
	Judged

	Begun       int64           `json:"-"` // connections that were dialed at least once
	FailedFirst int64           `json:"-"` // of these, those whose first dial failed
	FirstErrors map[Class]int64 `json:"-"` // why
	Down        int64           `json:"-"` // connections that are not up and echoing at the end
	Unused      int64           `json:"-"` // connections that were up at the end, and never had a packet to send
	LossTimeout time.Duration   `json:"-"`
	Planned     time.Duration   `json:"-"` // the duration that was asked for
	Reconnect   bool            `json:"-"`
	Fixed       bool            `json:"-"` // the source ports are the plan's
	Hole        *MTUHole        `json:"-"` // nil if none was found
	FailedAt    FailedAt        `json:"-"`
	Awaiting    int64           `json:"-"` // connections that were cut off, by Timeout or from outside, while they waited for an echo
	Awaited     time.Duration   `json:"-"` // for how long, the longest of them
	Foreign     int64           `json:"-"` // datagrams that are no echo of what was sent
	// NewPortAnswered says whether a datagram from a new source port was answered, after flows with fixed ones had fallen silent; nil if
	// none was sent.
	NewPortAnswered *bool `json:"-"`
	Interrupted     bool  `json:"-"` // the call was ended from outside

	ConnectSpread, RoundTripSpread, RTTSpread stats.Distribution `json:"-"` // what the times add up from

	Samples []TrafficSample `json:"samples"` // one for each second
	Records []TrafficRecord `json:"records"` // at most MaxTrafficRecords
	Omitted int64           `json:"records_omitted"`
}

// MTUHole is what swallows packets by their size.
type MTUHole struct {
	Passed int   // bytes of packets that come back
	Stuck  int   // bytes of larger ones that do not on the same connection
	Worked bool  // on some connection they came back before
	Hosts  Hosts // such connections, by host
}

// TrafficSample is what happened in one second.
type TrafficSample struct {
	Time       time.Duration `json:"time"`       // the second's end, since the start
	Active     int64         `json:"active"`     // connections established at its end
	Connecting int64         `json:"connecting"` // being dialed, or waiting to be, at its end
	New        int64         `json:"new"`        // established during it
	Lost       int64         `json:"lost"`       // during it
	Sent       int64         `json:"sent"`       // packets during it
	Received   int64         `json:"received"`   // packets during it
	Dropped    int64         `json:"dropped"`    // packets during it

	BytesSent, BytesReceived int64 `json:"-"` // during it
}

// MaxTrafficRecords bounds how many connections' records a result keeps.
const MaxTrafficRecords = 100_000

// TrafficRecord is the life of one connection. Times are since the call's start.
type TrafficRecord struct {
	Started     time.Duration  `json:"started"`   // its dial
	Connected   time.Duration  `json:"connected"` // 0 if it never was
	Answered    time.Duration  `json:"answered"`  // the first echo; 0 if none has come
	Ended       time.Duration  `json:"ended"`
	Error       Class          `json:"error"` // "" if it lasted to the end
	Sent        int64          `json:"sent"`
	Received    int64          `json:"received"`
	Dropped     int64          `json:"dropped"`
	Retransmits int64          `json:"retransmits"`
	Local       netip.AddrPort `json:"local"`
	Remote      netip.AddrPort `json:"remote"`
	Host        string         `json:"host"`
}

// sampling is the plan's observer, and takes a sample every second.
type sampling struct {
	Observer
	tally *trafficTally
}

// Second implements Observer.
func (s sampling) Second() {
	s.tally.sample(s.tally.job.Since(loop.Now()))
	s.Observer.Second()
}
