//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// board is what these tests read of a Grafana dashboard.
type board struct {
	Annotations struct{ List []annotation }
	Panels      []boardPanel
	Templating  struct {
		List []struct{ Name, Query string }
	}
}

type annotation struct {
	Name, Expr string
	Target     struct{ Query string }
}

type boardPanel struct {
	Title   string
	Targets []boardTarget
}

type boardTarget struct {
	Expr         string // of Prometheus
	Instant      bool
	Query        string // of InfluxDB
	ResultFormat string
}

func readBoard(t *testing.T, kind string) *board {
	t.Helper()
	b := &board{}
	readJSON(t, filepath.Join(root, "dashboards", "mconnect-"+kind+".json"), b)
	require.NotEmpty(t, b.Panels)
	return b
}

// questions are all that a dashboard asks, of whatever panel.
func (b *board) questions() map[string][]string {
	all := map[string][]string{}
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], target.Expr+target.Query)
		}
	}
	for _, a := range b.Annotations.List {
		all[a.Name] = append(all[a.Name], a.Expr+a.Target.Query)
	}
	for _, v := range b.Templating.List {
		if v.Name != "source" {
			all["variable "+v.Name] = append(all["variable "+v.Name], v.Query)
		}
	}
	return all
}

// codeMetrics are the metrics that the extension registers, with their types.
func codeMetrics(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "connect", "module", "metrics.go"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`metric\("(mconnect_\w+)", metrics\.(\w+)`).FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = m[2]
	}
	require.Greater(t, len(all), 50)
	return all
}

// documentedTags are the tags of each metric, as the reference tells them, which a test of connect/module holds against the code.
func documentedTags(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, metricsReference))
	require.NoError(t, err)
	all := map[string][]string{}
	quoted := regexp.MustCompile("`([\\w…]+)`")
	var above []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		var tags []string
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			tags = append(tags, m[1])
		}
		if strings.TrimSpace(cells[3]) == "likewise" {
			tags = above
		}
		above = tags
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			all[m[1]] = append(all[m[1]], tags...)
		}
	}
	return all
}

// metricsReference is the file with the table of metrics.
const metricsReference = "docs/reference/calls.md"

// tagsOf finds a metric's tags; pings share a row.
func tagsOf(documented map[string][]string, metric string) []string {
	if tags, known := documented[metric]; known {
		return tags
	}
	return documented["mconnect_ping_…"]
}

// Every metric and tag of the dashboards is one that the code has, and of the type that the output makes of it.
func TestDashboardsNameWhatExists(t *testing.T) {
	t.Parallel()
	code, documented := codeMetrics(t), documentedTags(t)
	ofRun := []string{"testid", "instance_id"} // set by whoever runs k6
	types := map[string]string{"total": "Counter", "rate": "Rate", "seconds": "Trend", "max": "Trend", "p50": "Trend", "p95": "Trend", "p99": "Trend", "": "Gauge"}
	words := regexp.MustCompile(`\w+`)
	check := func(t *testing.T, metric, kind string, tags []string) {
		t.Helper()
		require.Contains(t, code, metric)
		if kind != "" {
			assert.Equal(t, code[metric], kind, metric)
		}
		for _, tag := range tags {
			assert.True(t, slices.Contains(ofRun, tag) || slices.Contains(tagsOf(documented, metric), tag), "%s has no tag %s", metric, tag)
		}
	}
	t.Run("prometheus", func(t *testing.T) {
		t.Parallel()
		for title, questions := range readBoard(t, "prometheus").questions() {
			for _, q := range questions {
				if strings.Contains(q, "mconnect_mesh_") { // of the server: TestDashboards asks for them
					continue
				}
				var tags []string
				for _, m := range regexp.MustCompile(`\bby \(([^)]*)\)|, (\w+)\)$`).FindAllStringSubmatch(q, -1) {
					tags = append(tags, words.FindAllString(m[1]+m[2], -1)...)
				}
				for _, m := range regexp.MustCompile(`(\w+)(?:=~|=|!=)"`).FindAllStringSubmatch(q, -1) {
					tags = append(tags, m[1])
				}
				found := regexp.MustCompile(`\bk6_(mconnect_\w+)`).FindAllStringSubmatch(q, -1)
				assert.NotEmpty(t, found, "%s: %s", title, q)
				for _, m := range found {
					metric, suffix := m[1], ""
					if _, isWhole := code[metric]; !isWhole {
						cut := strings.LastIndex(metric, "_")
						metric, suffix = metric[:cut], metric[cut+1:]
					}
					require.Contains(t, types, suffix, "%s", q)
					check(t, metric, types[suffix], tags)
				}
			}
		}
	})
	t.Run("influxdb", func(t *testing.T) {
		t.Parallel()
		for title, questions := range readBoard(t, "influxdb").questions() {
			for _, q := range questions {
				from := regexp.MustCompile(`FROM "(mconnect_\w+)"`).FindStringSubmatch(q)
				require.NotNil(t, from, "%s: %s", title, q)
				var tags []string
				for _, m := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(influxAlias.ReplaceAllString(q, ""), -1) {
					if m[1] != from[1] && m[1] != "value" {
						tags = append(tags, m[1])
					}
				}
				check(t, from[1], "", tags)
			}
		}
	})
}

// influxAlias is the name that a question gives to a column.
var influxAlias = regexp.MustCompile(` AS "[^"]+"`)

// dashboardRun is a real run, whose samples went to real servers.
type dashboardRun struct {
	influx     *influx
	prometheus *prometheusServer
	from, to   time.Time
	summary    struct { // of the run with the test ID "classic"
		Report struct {
			report
			Traffic []struct{ Needless int64 }
		}
	}
}

func runForDashboards(t *testing.T) *dashboardRun {
	t.Helper()
	web, sibling := freePort(t), freePort(t)
	companion := startCompanion(t, nil, "127.0.0.1", "-echo", freePort(t), "-http", web, "-ping-delay", "1s", "-location", "Oslo",
		"-peer", "http://"+sibling+"/v1/ping", "-peer", "http://"+freePort(t)+"/v1/ping")
	startCompanion(t, nil, "127.0.0.1", "-http", sibling, "-location", "Porto")
	run := &dashboardRun{influx: startInflux(t), prometheus: startPrometheus(t, web), from: time.Now().Add(-time.Minute)}
	refused, silent := refusing(t, unix.SOCK_STREAM), startUDPPeer(t, func([]byte) []byte { return nil })
	for _, native := range []bool{false, true} {
		id := map[bool]string{false: "classic", true: "native"}[native]
		file := filepath.Join(t.TempDir(), id+".json")
		p := startK6(t, nil, run.prometheus.wrapper(native), "--out", "experimental-prometheus-rw", "--out", "influxdb=http://"+run.influx.address+"/k6", "--tag", "testid="+id, "--tag", "instance_id=1",
			"-e", "SERVER="+companion.address, "-e", "PORT="+portOf(t, companion.address), "-e", "PID="+strconv.Itoa(companion.cmd.Process.Pid),
			"-e", "DEAD="+refused, "-e", "SILENT="+silent, "-e", "OUT="+file, "test/testdata/dashboards.js")
		k := awaitK6(t, p)
		require.Equal(t, exitOK, k.code, "%s", k.stderr)
		require.Empty(t, k.logged("Failed to send"), "%s: %s", id, k.stderr)
		if !native {
			readJSON(t, file, &run.summary)
		}
	}
	run.to = time.Now()
	return run
}

// Every question of every panel has an answer after a real run, and the totals are those of the summary.
func TestDashboards(t *testing.T) {
	t.Parallel()
	need(t, "prometheus", "influxd")
	run := runForDashboards(t)
	for _, id := range []string{"classic", "native"} {
		t.Run("prometheus/"+id, func(t *testing.T) { run.panelsOfPrometheus(t, id) })
		t.Run("influxdb/"+id, func(t *testing.T) { run.panelsOfInflux(t, id) })
	}
	t.Run("totals", run.totals)
}

// asGrafana puts values in the place of Grafana's variables.
func (run *dashboardRun) asGrafana(question, id string) string {
	return strings.NewReplacer(
		"$__interval_ms", "5000", "$__interval", "5s", "$__range", fmt.Sprintf("%ds", int(run.to.Sub(run.from).Seconds())+1),
		"$timeFilter", fmt.Sprintf("time >= %dms and time <= %dms", run.from.UnixMilli(), run.to.UnixMilli()),
		"/^$testid$/", "/^"+id+"$/", "/^$instance$/", "/^.*$/", "$testid", id, "$instance", ".*",
	).Replace(question)
}

func (run *dashboardRun) panelsOfPrometheus(t *testing.T, id string) {
	b := readBoard(t, "prometheus")
	ask := func(title, expression string, from time.Time) []promSeries {
		answer := run.prometheus.ask(t, run.asGrafana(expression, id), from, run.to)
		assert.NotEmpty(t, answer, "%s: %s", title, expression)
		return answer
	}
	start := run.to.Add(-run.to.Sub(run.from).Truncate(5 * time.Second)) // so that the last step is the end
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			if target.Instant {
				ask(p.Title, target.Expr, time.Time{})
			} else {
				ask(p.Title, target.Expr, start)
			}
		}
	}
	changes := map[string]string{}
	for _, s := range ask("changes", b.Annotations.List[0].Expr, start) {
		changes[s.Metric["change"]] = s.Metric["hosts"]
		assert.Len(t, s.values, 1, "the change is shown once")
	}
	assert.Equal(t, map[string]string{"restart of web-1": "web-1", "maintenance": ""}, changes)
}

func (run *dashboardRun) panelsOfInflux(t *testing.T, id string) {
	b := readBoard(t, "influxdb")
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			assert.NotEmpty(t, run.influx.ask(t, run.asGrafana(target.Query, id)), "%s: %s", p.Title, target.Query)
		}
	}
	rows := run.influx.ask(t, run.asGrafana(b.Annotations.List[0].Target.Query, id))
	require.Len(t, rows, 1)
	assert.Equal(t, []string{"time", "value", "text", "tags"}, rows[0].Columns, "Grafana takes the last two by these names")
	require.Len(t, rows[0].Values, 2)
	assert.Equal(t, []any{1.0, "restart of web-1", "web-1"}, rows[0].Values[0][1:])
	assert.Equal(t, []any{1.0, "maintenance", nil}, rows[0].Values[1][1:])
}

// target is the only question of a panel.
func (b *board) target(t *testing.T, title string) boardTarget {
	t.Helper()
	for _, p := range b.Panels {
		if p.Title == title && len(p.Targets) > 0 { // a row may have the same title
			return p.Targets[0]
		}
	}
	require.Fail(t, "no such panel", title)
	return boardTarget{}
}

func (run *dashboardRun) totals(t *testing.T) {
	want := run.summary.Report
	require.Positive(t, want.Connects)
	var needless int64
	for _, call := range want.Traffic {
		needless += call.Needless
	}
	require.Positive(t, needless)
	prometheus, influx := readBoard(t, "prometheus"), readBoard(t, "influxdb")
	for title, row := range map[string]struct {
		tag  string
		want map[string]int64
	}{
		"Share of the answers by host": {"host", want.Hosts},
		"Needless losses":              {"", map[string]int64{"": needless}},
	} {
		t.Run(title, func(t *testing.T) {
			fromPrometheus := map[string]int64{}
			for name, n := range run.prometheus.by(t, run.asGrafana(prometheus.target(t, title).Expr, "classic"), row.tag, run.to) {
				fromPrometheus[name] = int64(n)
			}
			assert.Equal(t, row.want, fromPrometheus, "Prometheus")
			assert.Equal(t, row.want, run.influx.query(t, run.asGrafana(influx.target(t, title).Query, "classic"), row.tag), "InfluxDB")
		})
	}
}

// What the dashboards say of four processes, of which each runs a quarter of a test, is what they say of one that runs all of it.
func TestDashboardsOfInstances(t *testing.T) {
	t.Parallel()
	need(t, "prometheus", "influxd")
	run := &dashboardRun{influx: startInflux(t), prometheus: startPrometheus(t), from: time.Now().Add(-time.Minute)}
	targets := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1").address + "," + startCompanion(t, nil, "127.0.0.1", "-hostname", "web-2").address
	dir := t.TempDir()
	begin := func(id string, instance int, args ...string) *process {
		return startK6(t, nil, run.prometheus.wrapper(false), append(args, "--out", "experimental-prometheus-rw", "--out", "influxdb=http://"+run.influx.address+"/k6",
			"--tag", "testid="+id, "--tag", fmt.Sprintf("instance_id=%d", instance), "-e", "TARGETS="+targets, "-e", `EXPECT={"hosts":["web-1","web-2","web-3"]}`,
			"-e", fmt.Sprintf("OUT=%s/%s-%d", dir, id, instance), "test/testdata/instances.js")...)
	}
	all := []*process{begin("whole", 1)}
	for i := range 4 {
		all = append(all, begin("parts", i+1, "--execution-segment", fmt.Sprintf("%d/4:%d/4", i, i+1), "--execution-segment-sequence", "0,1/4,2/4,3/4,1"))
	}
	for _, p := range all {
		k := awaitK6(t, p)
		require.Equal(t, exitThresholds, k.code, "%s", k.stderr)
		require.Empty(t, k.logged("Failed to send"), "%s", k.stderr)
	}
	run.to = time.Now()
	prometheus, influx := readBoard(t, "prometheus"), readBoard(t, "influxdb")
	const floods, holds, each, held = 4, 4, 40, 10
	for title, row := range map[string]struct {
		tag  string
		want map[string]int64
	}{
		"Connections":                  {"", map[string]int64{"": floods*each + holds*held}},
		"Verdicts that failed":         {"", map[string]int64{"": floods}}, // hosts
		"Share of the answers by host": {"host", map[string]int64{"web-1": floods * each / 2, "web-2": floods * each / 2}},
	} {
		for _, id := range []string{"whole", "parts"} {
			fromPrometheus := map[string]int64{}
			for name, n := range run.prometheus.by(t, run.asGrafana(prometheus.target(t, title).Expr, id), row.tag, run.to) {
				fromPrometheus[name] = int64(math.Round(n))
			}
			assert.Equal(t, row.want, fromPrometheus, "Prometheus, %s: %s", id, title)
			assert.Equal(t, row.want, run.influx.query(t, run.asGrafana(influx.target(t, title).Query, id), row.tag), "InfluxDB, %s: %s", id, title)
		}
	}
	var verdicts []int64
	for _, id := range []string{"whole", "parts"} {
		verdicts = append(verdicts, run.influx.query(t, run.asGrafana(influx.target(t, "Verdicts").Query, id), "")[""],
			int64(run.prometheus.by(t, run.asGrafana(prometheus.target(t, "Verdicts").Expr, id), "", run.to)[""]))
	}
	assert.Positive(t, verdicts[0])
	assert.Equal(t, []int64{verdicts[0], verdicts[0], verdicts[0], verdicts[0]}, verdicts)
}

// influxSeries is one series of an answer.
type influxSeries struct {
	Tags    map[string]string
	Columns []string
	Values  [][]any
}

// ask returns the series of an answer.
func (db *influx) ask(t *testing.T, statement string) []influxSeries {
	t.Helper()
	body, err := get("http://" + db.address + "/query?" + url.Values{"db": {"k6"}, "q": {statement}}.Encode())
	require.NoError(t, err, "%s", statement)
	var answer struct {
		Results []struct {
			Error  string
			Series []influxSeries
		}
	}
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	require.Len(t, answer.Results, 1, "%s: %s", statement, body)
	require.Empty(t, answer.Results[0].Error, "%s", statement)
	return answer.Results[0].Series
}
