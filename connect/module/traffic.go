package module

import (
	"cmp"
	"fmt"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// traffic is traffic(target, options) of the JS API.
func (i *instance) traffic(target, opts sobek.Value) *sobek.Promise {
	if i.vu.State() == nil {
		return i.rejected(fmt.Errorf("traffic() %w", errInitContext))
	}
	o, err := options.ParseTraffic(i.exported(target), i.exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	c, err := i.newCall(&o.Call)
	if err != nil {
		return i.rejected(fmt.Errorf("traffic(): %w", err))
	}
	c.redials = true
	return i.async(func() (result, error) {
		c.warn(o.Plan.Connections)
		packets := newPacketSampler(c.sampler, o)
		r, err := i.root.engine.Traffic(c.ctx, connect.TrafficPlan{
			Plan: c.begin(packets), Duration: o.Duration, Throughput: o.Rate, PacketSize: o.PacketSize,
			LossTimeout: o.LossTimeout, NoReconnect: o.NoReconnect, Packets: packets,
		})
		if err != nil {
			return nil, fmt.Errorf("traffic(): %w", startError(err))
		}
		advise(r.First)
		packets.finish(r, cmp.Or(o.Duration, connect.DefaultTrafficDuration))
		c.ledger.enterTraffic(r)
		return objectWithList{object{toTrafficResult(r)}, "records", toTrafficRecords(r)}, nil
	})
}

// trafficResult is a connect.TrafficResult with durations in milliseconds, and without its records.
type trafficResult struct {
	*connect.TrafficResult
	Timeout     float64         `json:"timeout"`
	Duration    float64         `json:"duration"`
	ConnectTime summary         `json:"connect_time"`
	ErrorTime   summary         `json:"error_time"`
	RTT         summary         `json:"rtt"`
	RoundTrip   summary         `json:"round_trip"`
	RoundTrips  []bucket        `json:"round_trips"`
	FirstLoss   *float64        `json:"first_loss"`
	LastLoss    *float64        `json:"last_loss"`
	Recovered   *float64        `json:"recovered"`
	Samples     []trafficSample `json:"samples"`

	Records *struct{} `json:"records,omitempty"` // hides the other ones
}

// bucket is a stats.Bucket in milliseconds.
type bucket struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int64   `json:"count"`
}

type trafficSample struct {
	*connect.TrafficSample
	Time float64 `json:"time"`
}

type trafficRecord struct {
	*connect.TrafficRecord
	Started   float64 `json:"started"`
	Connected float64 `json:"connected"`
	Answered  float64 `json:"answered"`
	Ended     float64 `json:"ended"`
}

func toTrafficResult(r *connect.TrafficResult) *trafficResult {
	t := &trafficResult{
		TrafficResult: r,
		Timeout:       ms(r.Timeout),
		Duration:      ms(r.Duration),
		ConnectTime:   toSummary(r.ConnectTime),
		ErrorTime:     toSummary(r.ErrorTime),
		RTT:           toSummary(r.RTT),
		RoundTrip:     toSummary(r.RoundTrip),
		RoundTrips:    make([]bucket, len(r.RoundTrips)),
		FirstLoss:     optionalMs(r.FirstLoss),
		LastLoss:      optionalMs(r.LastLoss),
		Recovered:     optionalMs(r.Recovered),
		Samples:       make([]trafficSample, len(r.Samples)),
	}
	for i, b := range r.RoundTrips {
		t.RoundTrips[i] = bucket{ms(b.From), ms(b.To), b.Count}
	}
	for i := range r.Samples {
		t.Samples[i] = trafficSample{&r.Samples[i], ms(r.Samples[i].Time)}
	}
	return t
}

func toTrafficRecords(r *connect.TrafficResult) []trafficRecord {
	records := make([]trafficRecord, len(r.Records))
	for i := range r.Records {
		c := &r.Records[i]
		records[i] = trafficRecord{c, ms(c.Started), ms(c.Connected), ms(c.Answered), ms(c.Ended)}
	}
	return records
}

func optionalMs(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	v := ms(*d)
	return &v
}
