//go:build linux && outputs

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// way is one way to write samples somewhere.
type way struct {
	name    string
	args    []string
	wrapper []string
}

// cost is what a flood took.
type cost struct {
	processor, wall time.Duration // of k6, from its start to its end; of the flood alone
	late            int           // warnings of k6 that the output does not keep up
}

// BenchmarkOutputs compares a flood with thinned samples to one without an output: its speed by the processor time that k6 takes, which varies
// little while other programs run but includes what the output does after the flood, and by the clock. The runs of a round are compared with
// each other, and the median of the rounds counts. It also tells how often k6 warned that a flush took long. `make test-outputs` prints the table.
func BenchmarkOutputs(b *testing.B) {
	need(b, "influxd", "prometheus")
	const connections = 50_000
	web := []string{startCompanion(b, nil, "127.0.0.1", "-hostname", "web-0").address, startCompanion(b, nil, "127.0.0.1", "-hostname", "web-1").address}
	db, prometheus, otlp := startInflux(b), startPrometheus(b), startOTLP(b)
	dir := b.TempDir()
	ways := []way{
		{name: "none"},
		{name: "json", args: []string{"--out", "json=" + filepath.Join(dir, "samples.json")}},
		{name: "csv", args: []string{"--out", "csv=" + filepath.Join(dir, "samples.csv")}},
		{name: "influxdb", args: []string{"--out", "influxdb=http://" + db.address + "/k6"}},
		{name: "prometheus", args: []string{"--out", "experimental-prometheus-rw"}, wrapper: prometheus.wrapper(false)},
		{name: "prometheus, native", args: []string{"--out", "experimental-prometheus-rw"}, wrapper: prometheus.wrapper(true)},
		{name: "opentelemetry", args: []string{"--out", "opentelemetry"}, wrapper: otlp.wrapper()},
	}
	var rates []float64 // without an output
	processor, wall, late := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		var without cost
		for i, way := range ways {
			with := way.flood(b, connections, call{web, object{"connections": connections, "close": "rst", "samples": "thinned", "connectTimeout": "1m"}})
			if i == 0 {
				without = with
				rates = append(rates, connections/with.wall.Seconds())
			}
			processor[way.name] = append(processor[way.name], without.processor.Seconds()/with.processor.Seconds())
			wall[way.name] = append(wall[way.name], without.wall.Seconds()/with.wall.Seconds())
			late[way.name] = append(late[way.name], float64(with.late))
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-20s %24s %9s %16s\n", "output", "speed by processor time", "by clock", "flushes too slow")
	for _, way := range ways {
		fmt.Fprintf(&table, "%-20s %24.2f %9.2f %16.0f\n", way.name, median(processor[way.name]), median(wall[way.name]), median(late[way.name]))
	}
	b.Logf("%.0f connections a second without an output\n%s", median(rates), table.String())
}

// flood makes one flood, without the check of sums, since thinned Trends have no sample for each connection.
func (w way) flood(t testing.TB, connections int, c call) cost {
	t.Helper()
	k := awaitK6(t, floodTest{calls: []call{c}, args: w.args, wrapper: w.wrapper}.start(t).process)
	require.Equal(t, exitOK, k.code, "%s: %s", w.name, k.stderr)
	var r result
	for _, line := range k.logs {
		if text, ok := strings.CutPrefix(line.Message, "result "); ok && line.Source == "console" {
			require.NoError(t, json.Unmarshal([]byte(text), &r))
		}
	}
	require.EqualValues(t, connections, total(r.Hosts), w.name)
	state := k.cmd.ProcessState
	return cost{state.UserTime() + state.SystemTime(), time.Duration(r.Duration * float64(time.Millisecond)), len(k.logged("The flush operation took"))}
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }
