package module

import (
	"strconv"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// ping emits one ping: each phase that took place and ended, and the total if all did.
func (s *sampler) ping(r *pingResult) {
	to := r.To
	if to == r.Location { // peers name themselves: they must not make any number of time series
		to = s.root.peers.tag(to)
	}
	tags := s.pingTags(r.From, to, r.URL).With("status", strconv.Itoa(r.wholeStatus()))
	m := &s.metrics.ping
	at := s.pinged(&r.pingFailure, tags)
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
			s.add(phase.metric, tags, at, phase.length)
		}
	}
	if r.FailedIn == ping.PhaseNone {
		s.add(m.total, tags, at, r.Total)
	}
	s.push()
}

// tcpPing emits one TCP ping, under a URL that tells it from others.
func (s *sampler) tcpPing(target string, r *tcpPingResult) {
	tags := s.pingTags(r.From, r.To, "tcp://"+target)
	at := s.pinged(&r.pingFailure, tags)
	if r.DNS > 0 && r.RemoteAddr != "" {
		s.add(s.metrics.ping.dns, tags, at, r.DNS)
	}
	if !r.Failed {
		s.add(s.metrics.ping.connect, tags, at, r.Connect)
	}
	s.push()
}

func (s *sampler) pingTags(from, to, url string) *metrics.TagSet {
	return s.base.Tags.With("from", from).With("to", to).With("url", url)
}

// pinged emits that there was a ping and whether it has failed, and logs the first failure of each class.
func (s *sampler) pinged(f *pingFailure, tags *metrics.TagSet) time.Time {
	at := s.root.stamps.next(time.Now())
	if f.Error != connect.ClassNone {
		tags = tags.With("error", f.Error.String())
		if s.root.notices.first("ping: " + f.Error.String()) {
			s.logger.Warnf("mconnect: a ping has failed, class %s; the first: %s", f.Error, f.Message)
		}
	}
	s.add(s.metrics.ping.pings, tags, at, 1)
	s.add(s.metrics.ping.failed, tags, at, metrics.B(f.Failed))
	return at
}
