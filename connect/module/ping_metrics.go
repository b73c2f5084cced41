package module

import (
	"strconv"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// ping emits one ping: each phase that took place and ended, and the total if all did.
func (e *emitter) ping(r *pingResult) {
	to := r.To
	if to == r.Location { // peers name themselves: they must not make any number of time series
		to = e.root.peers.tag(to)
	}
	tags := e.pingTags(r.From, to, r.URL).With("status", strconv.Itoa(r.wholeStatus()))
	m := &e.metrics.ping
	at := e.pinged(&r.pingFailure, tags)
	for _, phase := range []struct {
		phase  ping.Phase
		metric *metrics.Metric
		length float64
	}{
		{ping.PhaseDNS, m.dns, r.DNS},
		{ping.PhaseConnect, m.connect, r.Connect},
		{ping.PhaseTLS, m.tls, r.TLS},
		{ping.PhaseFirstByte, m.firstByte, r.FirstByte},
		{ping.PhaseLastByte, m.lastByte, r.LastByte},
	} {
		if phase.phase == r.FailedIn {
			break
		}
		if phase.length > 0 { // else a name that is an address, or no TLS
			e.add(phase.metric, tags, at, phase.length)
		}
	}
	if r.FailedIn == ping.PhaseNone {
		e.add(m.total, tags, at, r.Total)
	}
	e.push()
}

// tcpPing emits one TCP ping, under a URL that tells it from others.
func (e *emitter) tcpPing(target string, r *tcpPingResult) {
	tags := e.pingTags(r.From, r.To, "tcp://"+target)
	at := e.pinged(&r.pingFailure, tags)
	if r.DNS > 0 && r.RemoteAddr != "" {
		e.add(e.metrics.ping.dns, tags, at, r.DNS)
	}
	if !r.Failed {
		e.add(e.metrics.ping.connect, tags, at, r.Connect)
	}
	e.push()
}

func (e *emitter) pingTags(from, to, url string) *metrics.TagSet {
	return e.base.Tags.With("from", from).With("to", to).With("url", url)
}

// pinged emits that there was a ping and whether it has failed, and logs the first failure of each class.
func (e *emitter) pinged(f *pingFailure, tags *metrics.TagSet) time.Time {
	at := e.root.stamps.next(time.Now())
	if f.Error != connect.ClassNone {
		tags = tags.With("error", f.Error.String())
		if e.root.notices.first("ping: " + f.Error.String()) {
			e.logger.Warnf("mconnect: a ping has failed, class %s; the first: %s", f.Error, f.Message)
		}
	}
	e.add(e.metrics.ping.pings, tags, at, 1)
	e.add(e.metrics.ping.failed, tags, at, metrics.B(f.Failed))
	return at
}
