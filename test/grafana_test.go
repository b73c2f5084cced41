//go:build linux && grafana

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picture is what a panel shows.
type picture struct {
	Title, Type string
	Tables      []struct {
		Columns []string
		Rows    [][]any
	}
	Numbers []struct{ Name, Text, Color string }
	Lines   []string
}

// What Grafana's own library makes of the answers after a real run: `make test-grafana`.
func TestGrafanaPanels(t *testing.T) {
	need(t, "prometheus", "influxd", "node")
	run := runForDashboards(t)
	prometheus, influx := run.pictures(t, "prometheus", "classic"), run.pictures(t, "influxdb", "classic")
	for kind, all := range map[string]map[string]picture{"prometheus": prometheus, "influxdb": influx} {
		for title, p := range all {
			t.Run(kind+"/"+title, p.check)
		}
	}
	for title := range influx {
		t.Run("same/"+title, func(t *testing.T) {
			want, got := prometheus[title], influx[title]
			require.Len(t, got.Tables, len(want.Tables))
			for i, table := range got.Tables {
				assert.Equal(t, want.Tables[i].Columns[1:], table.Columns[1:]) // the first of a matrix is called "from" or "from\to"
				if !areTimes.MatchString(title) {
					assert.ElementsMatch(t, cells(want.Tables[i].Rows), cells(table.Rows))
				}
			}
		})
	}
}

// areTimes: Prometheus has seconds, InfluxDB has milliseconds, and their percentiles are calculated in different ways.
var areTimes = regexp.MustCompile("^(Time|Median time|A connection may be silent)")

// Without any sample, nothing that is red looks green.
func TestGrafanaPanelsWithoutSamples(t *testing.T) {
	need(t, "prometheus", "influxd", "node")
	run := &dashboardRun{influx: startInflux(t), prometheus: startPrometheus(t), from: time.Now().Add(-time.Minute), to: time.Now()}
	for _, kind := range []string{"prometheus", "influxdb"} {
		all := run.pictures(t, kind, "none")
		assert.Equal(t, []string{"0", red}, shownAs(t, all["Verdicts"]), kind)
		assert.Equal(t, "0", shownAs(t, all["Verdicts that failed"])[0], kind)
	}
}

// Grafana's colours, in its dark theme.
const (
	red   = "#F2495C"
	green = "#73BF69"
)

func (p *picture) check(t *testing.T) {
	switch p.Type {
	case "stat":
		assert.NotEqual(t, "No data", shownAs(t, *p)[0])
		if want := map[string]string{"Verdicts": green, "Verdicts that failed": red, "Failures": red, "Needless losses": red}[p.Title]; want != "" {
			assert.Equal(t, want, shownAs(t, *p)[1])
		}
	case "piechart":
		var names []string
		colors := map[string]bool{}
		for _, n := range p.Numbers {
			names, colors[n.Color] = append(names, n.Name), true
		}
		assert.ElementsMatch(t, []string{"web-1", "web-2", "web-3"}, names)
		assert.Len(t, colors, 3, "each part has its colour")
	case "timeseries":
		assert.NotEmpty(t, p.Lines)
		for _, name := range p.Lines {
			assert.NotRegexp(t, `^$|[{}$]|Value|^ | $`, name)
		}
	default:
		p.checkTable(t)
	}
}

// checkTable: one table, in which no two rows are of the same.
func (p *picture) checkTable(t *testing.T) {
	require.Len(t, p.Tables, 1)
	table := p.Tables[0]
	require.NotEmpty(t, table.Rows)
	seen := map[string]bool{}
	for _, column := range table.Columns {
		assert.NotRegexp(t, `^$|^Time$|^Value`, column)
		assert.False(t, seen[column], "two columns are called %s", column)
		seen[column] = true
	}
	for _, row := range table.Rows {
		key := ""
		for _, value := range row {
			if text, isText := value.(string); isText {
				key += text + "|"
			}
		}
		assert.False(t, seen[key], "two rows of %s", key)
		seen[key] = true
	}
}

func shownAs(t *testing.T, p picture) []string {
	t.Helper()
	require.Len(t, p.Numbers, 1, "%s", p.Title)
	return []string{p.Numbers[0].Text, p.Numbers[0].Color}
}

// cells are a table as text; Prometheus calculates some numbers from shares, so they are rounded.
func cells(rows [][]any) [][]string {
	var all [][]string
	for _, row := range rows {
		var line []string
		for _, value := range row {
			if n, isNumber := value.(float64); isNumber {
				value = strconv.FormatFloat(n, 'f', 6, 64)
			}
			line = append(line, fmt.Sprint(value))
		}
		all = append(all, line)
	}
	return all
}

// pictures are the panels of a dashboard after its questions have been asked, by title.
func (run *dashboardRun) pictures(t *testing.T, kind, id string) map[string]picture {
	t.Helper()
	var raw struct{ Panels []json.RawMessage }
	readJSON(t, filepath.Join(root, "dashboards", "mconnect-"+kind+".json"), &raw)
	var asked []map[string]any
	for _, panel := range raw.Panels {
		var p boardPanel
		require.NoError(t, json.Unmarshal(panel, &p))
		answers := map[string]json.RawMessage{}
		for i, target := range p.Targets {
			answers[string(rune('A'+i))] = run.raw(t, target, id)
		}
		if len(answers) > 0 { // a row has none
			asked = append(asked, map[string]any{"kind": kind, "panel": panel, "answers": answers})
		}
	}
	node := exec.Command("node", "panels.cjs")
	node.Dir = filepath.Join("testdata", "grafana")
	node.Stdin = strings.NewReader(asJSON(t, asked))
	var stderr bytes.Buffer
	node.Stderr = &stderr
	output, err := node.Output()
	require.NoError(t, err, "%s", stderr.String())
	var all []picture
	require.NoError(t, json.Unmarshal(output, &all))
	require.Len(t, all, len(asked))
	byTitle := map[string]picture{}
	for _, p := range all {
		byTitle[p.Title] = p
	}
	return byTitle
}

// raw is a database's answer as it stands.
func (run *dashboardRun) raw(t *testing.T, target boardTarget, id string) json.RawMessage {
	t.Helper()
	seconds := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	address := run.influx.address + "/query?" + url.Values{"db": {"k6"}, "epoch": {"ms"}, "q": {run.asGrafana(target.Query, id)}}.Encode()
	switch {
	case target.Expr != "" && target.Instant:
		address = run.prometheus.address + "/api/v1/query?" + url.Values{"query": {run.asGrafana(target.Expr, id)}, "time": {seconds(run.to)}}.Encode()
	case target.Expr != "":
		address = run.prometheus.address + "/api/v1/query_range?" + url.Values{
			"query": {run.asGrafana(target.Expr, id)}, "start": {seconds(run.from)}, "end": {seconds(run.to)}, "step": {"5"},
		}.Encode()
	}
	body, err := get("http://" + address)
	require.NoError(t, err)
	return body
}
