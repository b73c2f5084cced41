package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// influxDB is InfluxDB 1, or a later one that is asked in InfluxQL. k6's output stores every sample as it is, times in milliseconds.
var influxDB = &database{
	name: "InfluxDB", kind: "influxdb", times: "ms",
	manyTimes: true, // a maximum, a quantile or a last value comes with the time of its point
	text:      func(q *query) string { return q.influxQL },
	query: func(q *query, refID string, as shape) cog.Builder[variants.Dataquery] {
		fields := variants.UnknownDataquery{"refId": refID, "query": q.influxQL, "rawQuery": true}
		if as == rows {
			fields["resultFormat"] = "table"
			fields["query"] = strings.Replace(q.influxQL, influxValue, `AS "`+q.name+`"`, 1)
		} else {
			fields["resultFormat"] = "time_series"
			fields["alias"] = regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(q.name, "$$tag_$1")
		}
		return variants.NewUnknownDataqueryBuilderFromObject(fields)
	},
	column: func(q *query, _ string, _ bool) string { return q.name }, // else all columns of a panel would be "Value"
	values: func(tag string) string { return `SHOW TAG VALUES FROM "mconnect_verdicts" WITH KEY = "` + tag + `"` },
	changes: func(source common.DataSourceRef) *dashboard.AnnotationQueryBuilder {
		// Grafana takes columns with these names. It is asked as for a table: what its editor of annotations makes ("fromAnnotations")
		// leaves out rows without a value, which are the changes without hosts.
		return dashboard.NewAnnotationQueryBuilder().Datasource(source).Target(variants.NewUnknownDataqueryBuilderFromObject(variants.UnknownDataquery{
			"refId": "changes", "rawQuery": true, "resultFormat": "table",
			"query": `SELECT "value", "change" AS "text", "hosts" AS "tags" FROM "mconnect_changes" WHERE ` + influxFilter,
		}))
	},
}

// influxFilter chooses the time, the test and the k6 processes, by tags that `k6 run --tag` sets.
const influxFilter = `$timeFilter AND "testid" =~ /^$testid$/ AND "instance_id" =~ /^$instance$/`

// influxValue names the numbers of an answer.
const influxValue = `AS "Value"`

// influx asks for one number of each series.
func influx(function, metric string, by ...string) string {
	return influxSelect(function, metric, tagList(by))
}

// influxOverTime asks for one number of each series and step of time.
func influxOverTime(function, metric, fill string, by ...string) string {
	return influxSelect(function, metric, append([]string{"time($__interval)"}, tagList(by)...)) + " fill(" + fill + ")"
}

func influxSelect(function, metric string, by []string) string {
	text := fmt.Sprintf(`SELECT %s %s FROM %q WHERE %s`, function, influxValue, metric, influxFilter)
	if len(by) > 0 {
		text += " GROUP BY " + strings.Join(by, ", ")
	}
	return text
}

func tagList(by []string) []string {
	quoted := make([]string, len(by))
	for i, tag := range by {
		quoted[i] = `"` + tag + `"`
	}
	return quoted
}

// influxQuantile is a function that gives a quantile of a Trend.
func influxQuantile(q float64) string {
	if q == 1 {
		return `max("value")`
	}
	return fmt.Sprintf(`percentile("value", %g)`, 100*q)
}
