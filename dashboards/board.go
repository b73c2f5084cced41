package main

// about is the dashboard's description.
const about = "What xk6-mconnect found out: verdicts, connections, balance, times, outages, limits and the mesh. Orange lines are changes that the test announced. " +
	"Tag runs with `--tag testid=…`, and processes of one test with `--tag instance_id=…`, which k6-operator does by itself."

// content is what the dashboards show. docs/dashboards.md tells how to read it.
var content = []row{
	{"Verdicts", []panel{
		{title: "Verdicts that failed", look: alarm, width: 6, queries: []query{verdictsFailedOrNone("failed")}, about: "What the test's thresholds are about: 0 means that all is well."},
		{title: "Verdicts", look: proof, width: 6, queries: []query{count("made", "mconnect_verdicts")}, about: "Without any, nothing was tested."},
		{title: "Connections", look: number, width: 6, queries: []query{count("begun", "mconnect_connects")}},
		{title: "Failures", look: alarm, width: 6, queries: []query{count("failed", "mconnect_failures")}, about: "Connections that failed, or that the peer closed."},
		{title: "Verdicts by call", look: list, width: 12, ratio: "share", zero: "failed", queries: []query{
			verdictsFailed("failed", "call", "verdict"), total("made", "mconnect_verdicts", "call", "verdict"),
		}},
		{title: "Failures by class", look: list, width: 12, queries: []query{total("failures", "mconnect_failures", "error", "phase", "target")}, about: "docs/how-to/troubleshooting.md says what to do about each class."},
	}},
	{"Connections", []panel{
		{title: "Connects per second", look: lines, width: 8, unit: "cps", queries: []query{perSecond("{target}", "mconnect_connects", "target")}},
		{title: "Failures per second by class", look: stacks, width: 8, unit: "cps", queries: []query{perSecond("{error} ({phase})", "mconnect_failures", "error", "phase")}},
		{title: "States", look: lines, width: 8, about: "Of all connections of each process. Completed, closed and error are totals.", queries: []query{
			gauge("established {instance_id}", "mconnect_established", "instance_id"),
			gauge("dialing {instance_id}", "mconnect_dialing", "instance_id"),
			gauge("not initiated {instance_id}", "mconnect_not_initiated", "instance_id"),
			gauge("completed {instance_id}", "mconnect_completed", "instance_id"),
			gauge("closed {instance_id}", "mconnect_closed", "instance_id"),
			gauge("error {instance_id}", "mconnect_error", "instance_id"),
		}},
	}},
	{"Balance", []panel{
		{title: "Share of the answers by host", look: pie, width: 8, queries: []query{total("{host}", "mconnect_replies", "host")}},
		{title: "Answers by host, and what each was due", look: bars, width: 8, queries: []query{
			total("answers", "mconnect_replies", "host"), total("due", "mconnect_replies_due", "host"),
		}, about: "Due by expect.hosts or weights, or else in equal parts."},
		{title: "Answers in relation to what was due", look: list, width: 8, ratio: "of its due", queries: []query{
			total("answers", "mconnect_replies", "host"), total("due", "mconnect_replies_due", "host"),
		}},
		{title: "Answers per second by host", look: stacks, width: 12, unit: "cps", queries: []query{perSecond("{host}", "mconnect_replies", "host")}},
		{title: "Largest share", look: number, width: 4, unit: "percentunit", queries: []query{last("largest share", "mconnect_balance_max_share")}, about: "The worst of all floods."},
		{title: "Chance of this balance", look: number, width: 4, unit: "percentunit", queries: []query{{
			"p", nil, "min(last_over_time(" + promSeries("mconnect_balance_p_value", "") + "[$__range]))", influx(`min("value")`, "mconnect_balance_p_value"),
		}}, about: "The p-value of the worst flood: near 0 means that the shares are not those that are due."},
		{title: "Sources that stayed with one host", look: number, width: 4, unit: "percentunit", queries: []query{last("affinity", "mconnect_affinity_share")}},
	}},
	{"Times", []panel{
		{title: "Time to connect", look: lines, width: 8, unit: durations, queries: quantiles("mconnect_connect_duration")},
		{title: "Time to answer by host, p99", look: lines, width: 8, unit: durations, queries: []query{quantile("{host}", "mconnect_reply_duration", 0.99, "host")}},
		{title: "Time to answer by host", look: list, width: 8, unit: durations, queries: []query{
			quantileLast("median", "mconnect_reply_duration", 0.5, "host"),
			quantileLast("p95", "mconnect_reply_duration", 0.95, "host"),
			quantileLast("p99", "mconnect_reply_duration", 0.99, "host"),
		}},
		{title: "Handshake's RTT", look: lines, width: 8, unit: durations, queries: quantiles("mconnect_rtt")},
		{title: "SYNs sent again per second", look: stacks, width: 8, unit: "cps", queries: []query{perSecond("{target}", "mconnect_syn_retransmits", "target")}},
		{title: "Keepalives: time to answer", look: lines, width: 8, unit: durations, queries: quantiles("mconnect_echo_duration")},
	}},
	{"Outages and changes", []panel{
		{title: "Connections lost per second by host", look: stacks, width: 12, unit: "cps", queries: []query{perSecond("{host}", "mconnect_connections_lost", "host")}, about: "Of traffic(). Orange lines are changes that were announced; losses without one are needless."},
		{title: "Lost, and needlessly lost, by host", look: list, width: 6, zero: "needless", queries: []query{
			total("lost", "mconnect_connections_lost", "host"), total("needless", "mconnect_needless_losses", "host"),
		}},
		{title: "Announced changes", look: list, width: 6, queries: []query{total("times", "mconnect_changes", "change", "hosts")}},
		{title: "Needless losses", look: alarm, width: 6, queries: []query{count("needless", "mconnect_needless_losses")}, about: "That no announced change excuses."},
		{title: "Longest outage", look: number, width: 6, unit: durations, queries: []query{quantileLast("outage", "mconnect_recovery_duration", 1)}},
		{title: "Dialed again", look: number, width: 6, queries: []query{count("reconnects", "mconnect_reconnects")}},
		{title: "Flows moved beyond the ideal", look: number, width: 6, unit: "percentunit", queries: []query{last("excess", "mconnect_disruption_excess")}, about: "Of disruption()."},
		{title: "Packets per second", look: lines, width: 12, unit: "pps", queries: []query{
			perSecond("sent", "mconnect_packets_sent"), perSecond("received", "mconnect_packets_received"), perSecond("lost", "mconnect_packets_lost"),
		}},
		{title: "Round trip of packets", look: lines, width: 12, unit: durations, queries: quantiles("mconnect_round_trip")},
	}},
	{"Limits", []panel{
		{title: "A connection may be silent for", look: list, width: 8, unit: "ms", queries: []query{last("idle timeout", "mconnect_idle_timeout", "target")}, about: "Of idle(): after that, something on the way forgets it."},
		{title: "Capacity", look: list, width: 4, queries: []query{last("connections", "mconnect_capacity", "target")}},
		{title: "Sockets of the service by state", look: lines, width: 8, queries: []query{gauge("{state}", "mconnect_sockets", "state")}},
		{title: "Its descriptors", look: lines, width: 4, queries: []query{gauge("open", "mconnect_fds"), gauge("limit", "mconnect_fd_limit")}},
	}},
	{"Mesh", []panel{
		{title: "Median time to connect, from whom to whom (k6)", look: matrix, width: 12, unit: durations, queries: []query{quantileLast("median", "mconnect_ping_connect", 0.5, "from", "to")}},
		{title: "Failed pings, from whom to whom (k6)", look: matrix, width: 12, unit: "percentunit", zero: "failed", queries: []query{pingsFailed("failed", "from", "to")}},
		{title: "Phases of a request, p95", look: lines, width: 24, unit: durations, queries: []query{
			quantile("{to} DNS", "mconnect_ping_dns", 0.95, "to"),
			quantile("{to} connect", "mconnect_ping_connect", 0.95, "to"),
			quantile("{to} first byte", "mconnect_ping_first_byte", 0.95, "to"),
			quantile("{to} last byte", "mconnect_ping_last_byte", 0.95, "to"),
			quantile("{to} total", "mconnect_ping_total", 0.95, "to"),
		}},
		{title: "Median time to connect, from whom to whom (mconnect-server)", look: matrix, width: 12, unit: "s", queries: []query{meshMedian("median", "connect")}, about: "Prometheus scrapes /metrics of the servers."},
		{title: "Failed pings, from whom to whom (mconnect-server)", look: matrix, width: 12, unit: "percentunit", zero: "failed", queries: []query{meshFailed("failed")}},
	}},
}

// verdictsFailedOrNone is a single number.
func verdictsFailedOrNone(name string) query {
	q := verdictsFailed(name)
	q.promQL = orZero(q.promQL)
	return q
}

// quantiles are the usual ones, by target.
func quantiles(metric string) []query {
	return []query{
		quantile("{target} median", metric, 0.5, "target"),
		quantile("{target} p95", metric, 0.95, "target"),
		quantile("{target} p99", metric, 0.99, "target"),
	}
}
