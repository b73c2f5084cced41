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

	"github.com/stretchr/testify/assert"
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

// What an output costs with thinned samples: about a tenth of the flood's speed at most, but for JSON, which writes a line for each of the
// Rates' samples. The test leaves twice that to chance. The speed is told twice, by the processor time that k6 takes, which varies little while other programs run but includes what the
// output does after the flood, and by the clock. An output is too slow if both say so. The runs of a round are compared with each other, and
// the median of the rounds counts, also of k6's warnings that a flush took long, which a machine that pauses brings about, too. `make test-outputs` runs this test and prints the table.
func TestOutputsSpeed(t *testing.T) {
	need(t, "influxd", "prometheus")
	const connections, rounds, atLeast, atLeastJSON = 50_000, 5, 0.8, 0.6
	web := []string{startCompanion(t, nil, "127.0.0.1", "-hostname", "web-0").address, startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1").address}
	db, prometheus, otlp := startInflux(t), startPrometheus(t), startOTLP(t)
	dir := t.TempDir()
	ways := []way{
		{name: "none"},
		{name: "json", args: []string{"--out", "json=" + filepath.Join(dir, "samples.json")}},
		{name: "csv", args: []string{"--out", "csv=" + filepath.Join(dir, "samples.csv")}},
		{name: "influxdb", args: []string{"--out", "influxdb=http://" + db.address + "/k6"}},
		{name: "prometheus", args: []string{"--out", "experimental-prometheus-rw"}, wrapper: prometheus.wrapper(false)},
		{name: "prometheus, native", args: []string{"--out", "experimental-prometheus-rw"}, wrapper: prometheus.wrapper(true)},
		{name: "opentelemetry", args: []string{"--out", "opentelemetry"}, wrapper: otlp.wrapper()},
	}
	processor, wall, late := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for range rounds {
		var without cost
		for i, way := range ways {
			with := way.flood(t, connections, call{web, object{"connections": connections, "close": "rst", "samples": "thinned", "connectTimeout": "1m"}})
			if i == 0 {
				without = with
			}
			processor[way.name] = append(processor[way.name], without.processor.Seconds()/with.processor.Seconds())
			wall[way.name] = append(wall[way.name], without.wall.Seconds()/with.wall.Seconds())
			late[way.name] = append(late[way.name], float64(with.late))
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-20s %24s %9s\n", "output", "speed by processor time", "by clock")
	for _, way := range ways {
		byProcessor, byClock := median(processor[way.name]), median(wall[way.name])
		fmt.Fprintf(&table, "%-20s %24.2f %9.2f\n", way.name, byProcessor, byClock)
		least := atLeast
		if way.name == "json" {
			least = atLeastJSON
		}
		assert.GreaterOrEqual(t, max(byProcessor, byClock), least, "%s: of the speed without it, in the rounds: %.2f by processor time, %.2f by the clock",
			way.name, processor[way.name], wall[way.name])
		assert.Zero(t, median(late[way.name]), "%s: k6 warns that a flush took long, so often in the rounds: %v", way.name, late[way.name])
	}
	t.Log("\n" + table.String())
}

// flood makes one flood, without the check of sums, since thinned Trends have no sample for each connection.
func (w way) flood(t *testing.T, connections int, c call) cost {
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
