package module_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module"
)

// reported is what tests look at of a Report.
type reported struct {
	Calls       int64              `json:"calls"`
	Hosts       map[string]int64   `json:"hosts"`
	Connects    int64              `json:"connects"`
	Failed      int64              `json:"failed_connects"`
	States      map[string]int64   `json:"states"`
	Errors      map[string]int64   `json:"errors"`
	Duration    float64            `json:"duration"`
	ConnectTime map[string]float64 `json:"connect_time"`
	Buckets     []map[string]int64 `json:"connect_times"`
	Balance     map[string]any     `json:"balance"`
	Traffic     []trafficResult    `json:"traffic"`
	Disruptions []object           `json:"disruptions"`
}

// A report has all calls of the process, by any of its VUs.
func TestReport(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	peer, closed := startPeer(t, greeting("web-1")), refusing(t)
	for range 2 {
		v := p.newVU(t).begin(t, settings{})
		get[any](t, v, `
			const echo = listen({echo: true, hostname: 'web-2'});
			await flood('%s', {connections: 10});
			await (await hold('%s', {connections: 3})).close();
			await capacity('%[1]s', {connections: 2, step: 2, patience: '20ms'});
			await traffic(echo.address, {connections: 2, rate: 10, duration: '200ms'});`, peer, closed)
		v.end(t)
	}
	summary := p.newVU(t).begin(t, settings{setup: true})
	r := get[reported](t, summary, `return report()`)
	assert.EqualValues(t, 8, r.Calls)
	assert.Equal(t, map[string]int64{"web-1": 20}, r.Hosts)
	assert.EqualValues(t, 2*(10+3+2+2), r.Connects)
	assert.EqualValues(t, 6, r.Failed)
	assert.Equal(t, map[string]int64{"refused": 6}, r.Errors)
	assert.EqualValues(t, 6, r.States["error"])
	assert.EqualValues(t, 2*(10+2+2), r.States["completed"])
	assert.Greater(t, r.Duration, 2e8, "nanoseconds")
	assert.Greater(t, r.ConnectTime["max"], 1000.0, "nanoseconds")
	assert.Len(t, r.Traffic, 2)
	assert.Greater(t, r.Traffic[0].Duration, 2e8, "nanoseconds")
	var counted int64
	for _, bucket := range r.Buckets {
		counted += bucket["count"]
	}
	assert.EqualValues(t, 20, counted, "those of floods and holds that were established")
}

func TestEmptyReport(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	text := get[string](t, v, `return JSON.stringify(report())`)
	for _, part := range []string{`"calls":0`, `"hosts":{}`, `"errors":{}`, `"connect_times":[]`, `"disruptions":[]`} {
		assert.Contains(t, text, part)
	}
}

func TestReportInPictures(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	get[any](t, v, `await flood('%s', {connections: 10})`, startPeer(t, greeting("web-1")))
	page := get[string](t, v, `return report({format: 'html', title: 'A & B'})`)
	assert.Contains(t, page, "<title>A &amp; B</title>")
	assert.Contains(t, page, "web-1")
	assert.Contains(t, get[string](t, v, `return report({format: 'html'})`), "<title>mconnect report</title>")
	charts := get[map[string]string](t, v, `return report({format: 'svg'})`)
	assert.Contains(t, charts["connects-share"], "<svg")
	assert.Contains(t, charts, "connects-time")
	assert.EqualValues(t, 1, get[reported](t, v, `return report({format: 'object'})`).Calls)
}

// A flood's flows tell what a change of backends moved, in metrics and report.
func TestDisruption(t *testing.T) {
	t.Parallel()
	const floodOnce = `
		const fixed = {connections: 20, source: '127.8.0.1', sourcePorts: '21000-21019', close: 'rst', flows: true};
		const one = listen({hostname: 'a'});
		const before = await flood(one.address, fixed);
		await one.close();
		const other = listen({hostname: 'b', address: one.address});
		const after = await flood(one.address, fixed);`
	v := newVU(t, settings{})
	got := get[struct {
		Verdict  object
		Affinity map[string]float64
		Version  float64
	}](t, v, floodOnce+`
		const verdict = disruption(before, JSON.parse(JSON.stringify(after)), {model: 'stateful', removed: ['a'], added: 'b', tags: {change: 'swap'}});
		return {verdict, affinity: before.affinity, version: before.flows.version};`)
	assert.InDelta(t, 20, got.Verdict["flows"], 0)
	assert.InDelta(t, 20, got.Verdict["moved"], 0)
	assert.InDelta(t, 1, got.Verdict["ideal_share"], 0)
	assert.InDelta(t, 0, got.Verdict["excess"], 0)
	assert.Equal(t, map[string]any{"a": 20.0}, got.Verdict["from"])
	assert.Equal(t, map[string]any{"b": 20.0}, got.Verdict["to"])
	assert.Equal(t, map[string]float64{"sources": 1, "sticky": 1, "share": 1}, got.Affinity)
	s := v.taken()
	assert.Equal(t, map[string]float64{"stateful|swap": 20}, s.by("mconnect_disruption_flows", "model", "change"))
	assert.InDelta(t, 1, s.last("mconnect_disruption_moved_share"), 0)
	assert.InDelta(t, 0, s.last("mconnect_disruption_excess"), 0)
	assert.InDelta(t, 0, s.last("mconnect_disruption_lost"), 0)
	assert.InDelta(t, 1, s.last("mconnect_affinity_share"), 0)
	assert.Len(t, get[reported](t, v, `return report()`).Disruptions, 1)

	out := v.run(t, `return disruption({}, {}, {model: 'maglev'})`)
	assert.Equal(t, "TypeError", out.Name)
	assert.Contains(t, out.Text, "flows: true")
}

// In the init context disruption() computes, and tells nobody else.
func TestDisruptionInTheInitContext(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	v := p.newVU(t)
	verdict := get[object](t, v, `
		const flows = {version: 1, protocol: 'tcp', targets: ['10.0.0.1:1'], source: '10.0.0.0/24', ports: '1-2', start: '0', random: false, seed: '0', hosts: ['a', 'b'], answers: 'AQIB'};
		const moved = {...flows, answers: 'AQEB'};
		return disruption({flows}, {flows: moved}, {model: 'maglev', removed: 'b', backends: ['a', 'b'], weights: {a: 1, b: 1}});`)
	assert.InDelta(t, 3, verdict["flows"], 0)
	assert.InDelta(t, 1, verdict["moved"], 0)
	assert.InDelta(t, 1, verdict["inevitable"], 0)
	assert.Empty(t, p.taken())
	out := v.run(t, `disruption({flows: {}}, {flows: {}}, {model: 'maglev'})`)
	assert.Equal(t, "TypeError", out.Name)
}

// After the thresholds no verdict can fail the test, so calls that have some are refused. Announcements and reports are not.
func TestCallsInHandleSummary(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{setup: true})
	emit(t, v.global, testEnd)
	for _, call := range []string{"flood", "hold", "idle", "capacity", "traffic", "ping", "tcpPing", "sockets"} {
		out := v.run(t, "await "+call+"('127.0.0.1:1')")
		assert.Equal(t, "TypeError", out.Name, call)
		assert.Contains(t, out.Text, call+"() can't be called in handleSummary()")
	}
	assert.False(t, v.run(t, `change('late'); report()`).Thrown)
}

// The default export has the same functions.
func TestExports(t *testing.T) {
	t.Parallel()
	v := newProcess(t).newVU(t)
	exports := module.New().NewModuleInstance(v.VU).Exports()
	names := exports.Default.(map[string]any)
	require.Len(t, exports.Named, len(names))
	for name, function := range names {
		assert.Same(t, function, exports.Named[name], name)
	}
}

// A script that has taken one of the metrics' names for another type can't go on, and is told why.
func TestMetricOfAnotherType(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	_, err := p.registry.NewMetric("mconnect_connects", metrics.Gauge)
	require.NoError(t, err)
	assert.PanicsWithError(t, "metric 'mconnect_connects' already exists but with type gauge, instead of counter", func() { p.newVU(t) })
}
