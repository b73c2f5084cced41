package main

// What panels ask, in both languages.

// total is what a Counter has counted.
func total(name, metric string, by ...string) query {
	return query{name, by, promTotal(metric, by...), influx(`sum("value")`, metric, by...)}
}

// count is a total as a single number, 0 where nothing was counted.
func count(name, metric string) query {
	q := total(name, metric)
	q.promQL = orZero(q.promQL)
	return q
}

// perSecond is how fast a Counter grows.
func perSecond(name, metric string, by ...string) query {
	return query{name, by, promPerSecond(metric, by...), influxOverTime(`sum("value") * 1000 / $__interval_ms`, metric, "0", by...)}
}

// gauge is a Gauge over time.
func gauge(name, metric string, by ...string) query {
	return query{name, by, promGauge(metric, by...), influxOverTime(`last("value")`, metric, "previous", by...)}
}

// last is a Gauge's last value.
func last(name, metric string, by ...string) query {
	return query{name, by, promLast(metric, by...), influx(`last("value")`, metric, by...)}
}

// quantile is a Trend's quantile over time: with InfluxDB that of each step, with Prometheus that since the test's start.
func quantile(name, metric string, q float64, by ...string) query {
	return query{name, by, promQuantile(metric, q, by...), influxOverTime(influxQuantile(q), metric, "none", by...)}
}

// quantileLast is a Trend's quantile of the whole time.
func quantileLast(name, metric string, q float64, by ...string) query {
	return query{name, by, promQuantileLast(metric, q, by...), influx(influxQuantile(q), metric, by...)}
}

// verdictsFailed counts the verdicts that did not hold. k6 gives Prometheus only a Rate's share, so it is taken times the number of verdicts.
func verdictsFailed(name string, by ...string) query {
	failed := "last_over_time(" + promSeries("mconnect_verdict_failed", "rate") + "[$__range]) * last_over_time(" + promSeries("mconnect_verdicts", "total") + "[$__range])"
	return query{name, by, grouped("sum", by, failed), influx(`sum("value")`, "mconnect_verdict_failed", by...)}
}

// pingsFailed is the part of the pings that failed. For Prometheus it comes from the Counter, since a Rate's series are apart by error.
func pingsFailed(name string, by ...string) query {
	all := promTotal("mconnect_pings", by...)
	failed := grouped("sum", by, `max_over_time(k6_mconnect_pings_total{testid=~"$testid", instance_id=~"$instance", error!=""}[$__range])`)
	return query{name, by, "(" + failed + " or 0 * " + all + ") / " + all, influx(`mean("value")`, "mconnect_ping_failed", by...)}
}

// meshMedian is the median of a phase as mconnect-server measures it in its mesh. Prometheus scrapes it.
func meshMedian(name, phase string) query {
	return query{name: name, promQL: `histogram_quantile(0.5, sum by (from, to, le) (increase(mconnect_mesh_ping_duration_seconds_bucket{phase="` + phase + `"}[$__range])))`}
}

// meshFailed is the part of the mesh's pings that failed.
func meshFailed(name string) query {
	failures, answered := "sum by (from, to) (increase(mconnect_mesh_failures_total[$__range]))", "sum by (from, to) (increase(mconnect_mesh_pings_total[$__range]))"
	return query{name: name, promQL: failures + " / (" + failures + " + " + answered + ")"}
}
