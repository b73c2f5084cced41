package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// prometheusDB is Prometheus, and all that speaks its language, filled by k6's remote write output: a Counter is NAME_total, a Rate
// NAME_rate, a Trend NAME_p99 and so on, or the native histogram NAME_seconds.
var prometheusDB = &database{
	name: "Prometheus", kind: "prometheus", times: "s",
	text: func(q *query) string { return q.promQL },
	query: func(q *query, refID string, as shape) cog.Builder[variants.Dataquery] {
		b := prometheus.NewDataqueryBuilder().RefId(refID).Expr(q.promQL)
		legend := strings.NewReplacer("{", "{{", "}", "}}").Replace(q.name)
		switch as {
		case rows:
			return b.Format(prometheus.PromQueryFormatTable).Instant()
		case parts:
			return b.LegendFormat(legend).Instant()
		default:
			return b.LegendFormat(legend).Range()
		}
	},
	column: func(_ *query, refID string, only bool) string {
		if only {
			return "Value"
		}
		return "Value #" + refID
	},
	values: func(tag string) string { return "label_values(k6_mconnect_verdicts_total, " + tag + ")" },
	changes: func(source common.DataSourceRef) *dashboard.AnnotationQueryBuilder {
		// A change's series begins, or grows, when it is announced.
		counter := promSeries("mconnect_changes", "total")
		return dashboard.NewAnnotationQueryBuilder().Datasource(source).
			Expr("sum by (change, hosts) (" + counter + " - (" + before(counter) + " or 0 * " + counter + ")) > 0").
			TitleFormat("{{change}}").TextFormat("{{hosts}}").Step("5s")
	},
}

// promFilter chooses the test and the k6 processes, by tags that `k6 run --tag` sets.
const promFilter = `{testid=~"$testid", instance_id=~"$instance"}`

// promSeries are those of a metric that k6 has written.
func promSeries(metric, suffix string) string {
	if suffix != "" {
		metric += "_" + suffix
	}
	return "k6_" + metric + promFilter
}

// before is a counter as it was one step earlier, also if it has had no sample for some time.
func before(counter string) string {
	return "last_over_time(" + counter + "[1h] offset $__interval)"
}

// grouped adds up, or takes the highest, by tags.
func grouped(function string, by []string, inner string) string {
	if len(by) == 0 {
		return function + "(" + inner + ")"
	}
	return function + " by (" + strings.Join(by, ", ") + ") (" + inner + ")"
}

// promTotal is what a Counter has counted in the dashboard's time.
func promTotal(metric string, by ...string) string {
	return grouped("sum", by, "max_over_time("+promSeries(metric, "total")+"[$__range])")
}

// promPerSecond is how fast a Counter grows. Prometheus' own rate() does not see the first sample of a series, which is often the only
// one: a flood is over in a second.
func promPerSecond(metric string, by ...string) string {
	counter := promSeries(metric, "total")
	grown := "clamp_min(" + counter + " - (" + before(counter) + " or 0 * " + counter + "), 0)"
	return grouped("sum", by, grown) + " / ($__interval_ms / 1000)"
}

// promLast is the highest of a Gauge's last values.
func promLast(metric string, by ...string) string {
	return grouped("max", by, "last_over_time("+promSeries(metric, "")+"[$__range])")
}

// promGauge is a Gauge over time.
func promGauge(metric string, by ...string) string {
	return grouped("max", by, promSeries(metric, ""))
}

// promQuantile is a Trend's quantile since the test's start, from native histograms, or else the highest of the quantiles that k6 wrote.
func promQuantile(metric string, q float64, by ...string) string {
	return promQuantileOf(metric, q, by, func(series string) string { return series })
}

// promQuantileLast is the same as it was at last. Prometheus 2.42, which Debian has, has no last_over_time() of native histograms, hence the instant first.
func promQuantileLast(metric string, q float64, by ...string) string {
	return promQuantileOf(metric, q, by, func(series string) string { return series + " or last_over_time(" + series + "[$__range])" })
}

func promQuantileOf(metric string, q float64, by []string, of func(series string) string) string {
	stat := "max"
	if q < 1 {
		stat = "p" + strconv.Itoa(int(100*q))
	}
	return fmt.Sprintf("histogram_quantile(%g, %s) or %s", q,
		grouped("sum", by, of(promSeries(metric, "seconds"))), grouped("max", by, of(promSeries(metric, stat))))
}

// orZero is for a number that is 0 where nothing was counted.
func orZero(expression string) string { return expression + " or vector(0)" }
