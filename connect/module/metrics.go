package module

import (
	"errors"

	"go.k6.io/k6/v2/metrics"
)

// mconnectMetrics are the metrics of the module, as docs and index.d.ts describe them.
type mconnectMetrics struct {
	connects, synRetransmits, replies, repliesDue     *metrics.Metric
	connectFailed, replyFailed                        *metrics.Metric
	connectDuration, replyDuration, rtt, echoDuration *metrics.Metric
	notInitiated, dialing, established                *metrics.Metric
	completed, closed, failed                         *metrics.Metric
	establishedMax                                    *metrics.Metric
	packetsSent, packetsReceived, packetsDropped      *metrics.Metric
	connectionsLost, reconnects, retransmits          *metrics.Metric
	roundTrip, flowsMoved                             *metrics.Metric
	balanceMaxShare, balancePValue                    *metrics.Metric
	balanceCV, balanceJain, affinity                  *metrics.Metric
	comparedFlows, lostFlows, movedShare, excess      *metrics.Metric
	capacity, sockets, fds, fdLimit                   *metrics.Metric
	verdicts, verdictFailed, failures                 *metrics.Metric
	needlessLosses, packetsLost, recoveryDuration     *metrics.Metric
	idleTimeout, changes                              *metrics.Metric
	ping                                              pingMetrics
}

// pingMetrics are those of ping() and tcpPing().
type pingMetrics struct {
	pings, dns, connect, tls, firstByte, lastByte, total, failed *metrics.Metric
}

func registerMetrics(registry *metrics.Registry) *mconnectMetrics {
	var failure error
	metric := func(name string, kind metrics.MetricType, contains ...metrics.ValueType) *metrics.Metric {
		m, err := registry.NewMetric(name, kind, contains...)
		failure = errors.Join(failure, err)
		return m
	}
	m := &mconnectMetrics{
		connects:         metric("mconnect_connects", metrics.Counter),
		connectFailed:    metric("mconnect_connect_failed", metrics.Rate),
		connectDuration:  metric("mconnect_connect_duration", metrics.Trend, metrics.Time),
		replyFailed:      metric("mconnect_reply_failed", metrics.Rate),
		replyDuration:    metric("mconnect_reply_duration", metrics.Trend, metrics.Time),
		rtt:              metric("mconnect_rtt", metrics.Trend, metrics.Time),
		echoDuration:     metric("mconnect_echo_duration", metrics.Trend, metrics.Time),
		synRetransmits:   metric("mconnect_syn_retransmits", metrics.Counter),
		replies:          metric("mconnect_replies", metrics.Counter),
		repliesDue:       metric("mconnect_replies_due", metrics.Counter),
		notInitiated:     metric("mconnect_not_initiated", metrics.Gauge),
		dialing:          metric("mconnect_dialing", metrics.Gauge),
		established:      metric("mconnect_established", metrics.Gauge),
		completed:        metric("mconnect_completed", metrics.Gauge),
		closed:           metric("mconnect_closed", metrics.Gauge),
		failed:           metric("mconnect_error", metrics.Gauge),
		establishedMax:   metric("mconnect_established_max", metrics.Gauge),
		packetsSent:      metric("mconnect_packets_sent", metrics.Counter),
		packetsReceived:  metric("mconnect_packets_received", metrics.Counter),
		packetsDropped:   metric("mconnect_packets_dropped", metrics.Counter),
		connectionsLost:  metric("mconnect_connections_lost", metrics.Counter),
		reconnects:       metric("mconnect_reconnects", metrics.Counter),
		retransmits:      metric("mconnect_retransmits", metrics.Counter),
		roundTrip:        metric("mconnect_round_trip", metrics.Trend, metrics.Time),
		flowsMoved:       metric("mconnect_flows_moved", metrics.Counter),
		verdicts:         metric("mconnect_verdicts", metrics.Counter),
		verdictFailed:    metric("mconnect_verdict_failed", metrics.Rate),
		failures:         metric("mconnect_failures", metrics.Counter),
		needlessLosses:   metric("mconnect_needless_losses", metrics.Counter),
		packetsLost:      metric("mconnect_packets_lost", metrics.Counter),
		recoveryDuration: metric("mconnect_recovery_duration", metrics.Trend, metrics.Time),
		changes:          metric("mconnect_changes", metrics.Counter),
		capacity:         metric("mconnect_capacity", metrics.Gauge),
		sockets:          metric("mconnect_sockets", metrics.Gauge),
		fds:              metric("mconnect_fds", metrics.Gauge),
		fdLimit:          metric("mconnect_fd_limit", metrics.Gauge),
		idleTimeout:      metric("mconnect_idle_timeout", metrics.Gauge, metrics.Time),
		ping: pingMetrics{
			pings:     metric("mconnect_pings", metrics.Counter),
			dns:       metric("mconnect_ping_dns", metrics.Trend, metrics.Time),
			connect:   metric("mconnect_ping_connect", metrics.Trend, metrics.Time),
			tls:       metric("mconnect_ping_tls", metrics.Trend, metrics.Time),
			firstByte: metric("mconnect_ping_first_byte", metrics.Trend, metrics.Time),
			lastByte:  metric("mconnect_ping_last_byte", metrics.Trend, metrics.Time),
			total:     metric("mconnect_ping_total", metrics.Trend, metrics.Time),
			failed:    metric("mconnect_ping_failed", metrics.Rate),
		},
		balanceMaxShare: metric("mconnect_balance_max_share", metrics.Gauge),
		balancePValue:   metric("mconnect_balance_p_value", metrics.Gauge),
		balanceCV:       metric("mconnect_balance_cv", metrics.Gauge),
		balanceJain:     metric("mconnect_balance_jain", metrics.Gauge),
		affinity:        metric("mconnect_affinity_share", metrics.Gauge),
		comparedFlows:   metric("mconnect_disruption_flows", metrics.Counter),
		movedShare:      metric("mconnect_disruption_moved_share", metrics.Gauge),
		excess:          metric("mconnect_disruption_excess", metrics.Gauge),
		lostFlows:       metric("mconnect_disruption_lost", metrics.Gauge),
	}
	if failure != nil {
		panic(failure) // the script has taken one of these names for a metric of another type
	}
	return m
}
