//go:build linux

package e2e

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// A store is where an output of k6 has written: it tells what a Counter has counted, by the values of a tag ("" without).
type store interface {
	counted(t *testing.T, metric, tag string) map[string]float64
}

// sampleStore is one that keeps every sample, and so can tell how many a Trend or Rate got, and how many of a Rate's are not zero.
type sampleStore interface {
	store
	samples(t *testing.T, metric, tag string) map[string]float64
	nonzero(t *testing.T, metric string) float64
}

func (db *influx) counted(t *testing.T, metric, tag string) map[string]float64 {
	return db.numbers(t, "sum", metric, tag)
}

func (db *influx) samples(t *testing.T, metric, tag string) map[string]float64 {
	return db.numbers(t, "count", metric, tag)
}

func (db *influx) nonzero(t *testing.T, metric string) float64 {
	return db.numbers(t, "sum", metric, "")[""]
}

func (db *influx) numbers(t *testing.T, function, metric, tag string) map[string]float64 {
	t.Helper()
	statement := "SELECT " + function + `(value) FROM "` + metric + `"`
	if tag != "" {
		statement += ` GROUP BY "` + tag + `"`
	}
	values := map[string]float64{}
	for _, s := range db.ask(t, statement) {
		values[s.Tags[tag]] = s.Values[0][1].(float64)
	}
	return values
}

// promStore is what k6's remote write output has stored in Prometheus: no samples, only totals.
type promStore struct {
	*prometheusServer
	at time.Time
}

func (p promStore) counted(t *testing.T, metric, tag string) map[string]float64 {
	t.Helper()
	return p.by(t, "sum by ("+tag+") (k6_"+metric+"_total)", tag, p.at)
}

func (r *otlpReceiver) counted(t *testing.T, metric, tag string) map[string]float64 {
	return r.by(t, metric, tag)
}

// samples are those of a Trend, or of a Rate, which the output counts under a name of its own.
func (r *otlpReceiver) samples(t *testing.T, metric, tag string) map[string]float64 {
	if counts := r.by(t, metric+".total", tag); len(counts) > 0 {
		return counts
	}
	return r.by(t, metric, tag)
}

// nonzero is what the output calls a Rate's values that are not zero.
func (r *otlpReceiver) nonzero(t *testing.T, metric string) float64 {
	return r.by(t, metric+".total", "condition")["nonzero"]
}

// points are the samples of a file, of JSON or CSV.
type points map[string]*series

func (p points) counted(_ *testing.T, metric, tag string) map[string]float64 {
	return p.grouped(metric, tag, true)
}

func (p points) samples(_ *testing.T, metric, tag string) map[string]float64 {
	return p.grouped(metric, tag, false)
}

func (p points) nonzero(_ *testing.T, metric string) float64 { return p.grouped(metric, "", true)[""] }

func (p points) grouped(metric, tag string, sum bool) map[string]float64 {
	groups := map[string]float64{}
	for key, value := range p[metric].by(sum, tag) {
		groups[strings.TrimPrefix(key, "|")] = value
	}
	return groups
}

// readCSV reads what k6's output csv writes: some tags have columns, the others share one.
func readCSV(t *testing.T, file string) points {
	t.Helper()
	opened, err := os.Open(file)
	require.NoError(t, err)
	defer opened.Close()
	rows := csv.NewReader(opened)
	header, err := rows.Read()
	require.NoError(t, err)
	all := points{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		p := point{Tags: map[string]string{}}
		for i, column := range header {
			switch column {
			case "metric_value":
				p.Value, err = strconv.ParseFloat(row[i], 64)
			case "extra_tags":
				var extra url.Values
				extra, err = url.ParseQuery(strings.ReplaceAll(row[i], "%", "%25"))
				for tag := range extra {
					p.Tags[tag] = extra.Get(tag)
				}
			default:
				if row[i] != "" {
					p.Tags[column] = row[i]
				}
			}
			require.NoError(t, err, "%v", row)
		}
		if all[row[0]] == nil {
			all[row[0]] = &series{}
		}
		all[row[0]].points = append(all[row[0]].points, p)
	}
}

// Whatever output stores the samples, the totals, the failures by class and phase, and the shares by host are those of the summary.
func TestOutputsStoreWhatTheSummarySays(t *testing.T) {
	t.Parallel()
	need(t, "influxd", "prometheus")
	db, prometheus, otlp := startInflux(t), startPrometheus(t), startOTLP(t)
	jsonFile, csvFile := filepath.Join(t.TempDir(), "samples.json"), filepath.Join(t.TempDir(), "samples.csv")
	web := []string{startResponder(t, server.Options{Hostname: "web-0", UDP: true}), startResponder(t, server.Options{Hostname: "web-1"})}
	done := floodTest{
		calls: []call{
			{web, object{"connections": 4000, "expect": object{"hosts": object{"web-0": 1, "web-1": 3}}}},
			{web[0], object{"connections": 500, "network": "udp"}},
			{refusing(t, unix.SOCK_STREAM), object{"connections": 1000}},
			{startPeer(t, nil, swallow).address, object{"connections": 100, "concurrency": 100, "connectTimeout": "1s"}},
		},
		script: object{"scenarios": object{"flood": object{"executor": "per-vu-iterations", "vus": 4, "iterations": 2}}},
		args: []string{
			"--out", "influxdb=http://" + db.address + "/k6", "--out", "experimental-prometheus-rw", "--out", "opentelemetry",
			"--out", "json=" + jsonFile, "--out", "csv=" + csvFile,
		},
		wrapper: slices.Concat(prometheus.wrapper(false), otlp.wrapper()),
	}.flood(t)
	for _, complaint := range []string{"Couldn't write", "Failed to send", "dispatching", "can't flush"} {
		require.Empty(t, done.logged(complaint))
	}
	report := done.Report
	require.EqualValues(t, 11200, report.Connects)
	require.Equal(t, map[string]int64{"refused": 2000, "no_reply": 200}, report.Errors)
	stores := map[string]store{
		"influxdb": db, "prometheus": promStore{prometheus, time.Now()}, "opentelemetry": otlp,
		"json": points(readPoints(t, jsonFile)), "csv": readCSV(t, csvFile),
	}
	for name, s := range stores {
		t.Run(name, func(t *testing.T) { storesTheReport(t, s, done) })
	}
}

func storesTheReport(t *testing.T, s store, done *flooded) {
	answers := total(done.Report.Hosts)
	for _, row := range []struct {
		metric, tag string
		want        map[string]float64
	}{
		{"mconnect_connects", "", map[string]float64{"": float64(done.Report.Connects)}},
		{"mconnect_connects", "proto", map[string]float64{"tcp": 10200, "udp": 1000}},
		{"mconnect_failures", "error", floats(done.Report.Errors)},
		{"mconnect_failures", "phase", map[string]float64{"connect": float64(done.Report.FailedConnects), "reply": float64(done.Report.FailedReads)}},
		{"mconnect_replies", "host", floats(done.Report.Hosts)},
		{"mconnect_replies_due", "host", map[string]float64{"web-0": 2*4000*0.25 + 1000, "web-1": 2 * 4000 * 0.75}},
		{"mconnect_verdicts", "", map[string]float64{"": done.Metrics["mconnect_verdicts"].Values["count"]}},
		{"data_sent", "proto", map[string]float64{"udp": 5 * 1000, "tcp": 0}},
	} {
		t.Run(row.metric+" "+row.tag, func(t *testing.T) {
			got := s.counted(t, row.metric, row.tag)
			if row.metric == "data_sent" {
				delete(got, "") // k6's own, of the iteration
			}
			assert.Equal(t, row.want, rounded(got))
		})
	}
	for host, n := range s.counted(t, "mconnect_replies", "host") {
		assert.InDelta(t, float64(done.Report.Hosts[host])/float64(answers), n/float64(answers), 1e-9, "the share of %s", host)
	}
	all, keepsSamples := s.(sampleStore)
	if !keepsSamples {
		return
	}
	for _, metric := range []string{"mconnect_connect_duration", "mconnect_reply_duration", "mconnect_rtt", "mconnect_connect_failed", "mconnect_reply_failed", "mconnect_verdict_failed"} {
		var n float64
		for _, part := range all.samples(t, metric, "target") {
			n += part
		}
		summary := done.Metrics[metric]
		assert.InDelta(t, summary.count(), n, 0, "samples of %s", metric)
		if summary.Type == "rate" {
			assert.InDelta(t, summary.Values["passes"], all.nonzero(t, metric), 0, "samples of %s that are not 0", metric)
		}
	}
}

// rounded takes the error of sums of floats away.
func rounded(values map[string]float64) map[string]float64 {
	for key, value := range values {
		values[key] = math.Round(1e6*value) / 1e6
	}
	return values
}

func floats(counts map[string]int64) map[string]float64 {
	values := make(map[string]float64, len(counts))
	for key, n := range counts {
		values[key] = float64(n)
	}
	return values
}
