package module_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// With replace k6 gets text and files, with all thresholds and their values.
func TestSummaryInPlaceOfK6s(t *testing.T) {
	t.Parallel()
	a := filepath.Join(t.TempDir(), "a") // for longer than the process, which writes at its end
	p := newProcess(t)
	v := p.newVU(t).begin(t, settings{})
	get[any](t, v, `await flood('%s', {connections: 5}); await flood('?').catch(() => null)`, startPeer(t, greeting("web-1")))
	v.end(t)
	files := get[map[string]string](t, p.newVU(t).begin(t, settings{setup: true}), `return summary({replace: true, json: '`+a+`.json', junit: '`+a+`.xml', html: '`+a+`.html', title: 'Night'})({
		metrics: {
			http_req_duration: {type: 'trend', contains: 'time', values: {'p(95)': 12.5}, thresholds: {'p(95)<10': {ok: false}}},
			checks: {type: 'rate', contains: 'default', values: {rate: 0.5}, thresholds: {'rate>0.1': {ok: true}}},
			http_req_waiting: {type: 'trend', contains: 'time', values: {avg: 12.5}, thresholds: {'p(99)<1': {ok: false}}},
			'mconnect_verdict_failed{verdict:keppt}': {type: 'rate', contains: 'default', values: {rate: 0, passes: 0, fails: 0}, thresholds: {'rate==0': {ok: true}}},
			'mconnect_verdict_failed{verdict:kept}': {type: 'rate', contains: 'default', values: {rate: 0, passes: 0, fails: 2}, thresholds: {'rate==0': {ok: true}}},
			mconnect_round_trip: {type: 'trend', contains: 'time', values: {avg: 0, max: 0}, thresholds: {'max<9': {ok: true}}},
			vus: {type: 'gauge', contains: 'default', values: {value: 1}, thresholds: {'value<2': {ok: true}, 'max<3': {ok: true}}},
		},
	})`)
	for _, part := range []string{
		"asked                     5", "web-1", "✗ ran", "✓ checks 'rate>0.1' rate=50.00%", "✓ vus 'max<3'\n", "✓ vus 'value<2' value=1", "✗ http_req_waiting 'p(99)<1' (its value is shown if summaryTrendStats has\n      'p(99)')",
		"– mconnect_verdict_failed{verdict:keppt} 'rate==0' no samples", "✓ mconnect_verdict_failed{verdict:kept} 'rate==0' rate=0.00%", "– mconnect_round_trip 'max<9' no samples",
		"✗ http_req_duration 'p(95)<10' p(95)=12.5ms",
	} {
		assert.Contains(t, files["stdout"], part)
	}
	assert.Contains(t, files[a+".html"], "<title>Night</title>")
	assert.Contains(t, files[a+".xml"], `<testsuites name="Night"`)
	assert.True(t, strings.HasPrefix(files[a+".json"], `{"hosts":{"web-1":5}`))
}

// Without it k6 gets nothing, so that its own summary stays, and the files are there.
func TestSummaryBesideK6s(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "new", "page.html")
	v := newProcess(t).newVU(t).begin(t, settings{setup: true})
	assert.Nil(t, get[any](t, v, `return summary({html: '%s'})({metrics: {}}) ?? null`, page))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(text), "mconnect report")
}

func TestSummaryErrors(t *testing.T) {
	t.Parallel()
	taken := filepath.Join(t.TempDir(), "taken")
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	v := newProcess(t).newVU(t)
	for script, says := range map[string]string{
		`summary({pdf: 'a'})`:                    `option "pdf" is unknown; want one of html, json, junit, replace, svg, title`,
		`summary({html: 'stdout'})`:              "want the name of a file to write",
		`summary({metrics: {}})`:                 "want: export const handleSummary = summary()",
		`summary('a')`:                           "want an object such as {html: 'report.html'}",
		`summary()()`:                            "got no data; want what k6 hands to handleSummary()",
		`summary()({metrics: 1})`:                "got other data",
		`summary({junit: '` + taken + `/a'})`:    "option \"junit\": got \"" + taken + "/a\"; want a name that this process can write to: ",
		`summary({json: '` + t.TempDir() + `'})`: "it is a directory",
		`summary({svg: '` + taken + `'})`:        "not a directory",
	} {
		out := v.run(t, script)
		assert.True(t, out.Thrown, script)
		assert.Contains(t, out.Text, says, script)
	}
}

// What can be written at first, and later can't, is told by k6's handleSummary.
func TestSummaryThatFailsLate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	v := newProcess(t).newVU(t).begin(t, settings{setup: true})
	out := v.run(t, `globalThis.write = summary({html: '`+folder+`/new/a.html', json: '/dev/null', svg: '`+folder+`/charts'})`)
	require.False(t, out.Thrown, out.Text)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, left, "to try leaves no trace")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "new"), nil, 0o600))
	out = v.run(t, `write({metrics: {}})`)
	assert.True(t, out.Thrown)
	assert.Contains(t, out.Text, "can't write files")
}

// Files that can't be written when the test has ended, as on a full disk, fail a verdict, since k6 judges thresholds before it calls handleSummary. A
// device is written only then.
func TestSummaryThatFailsAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"full": true, "not full": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			p := newProcess(t)
			for range 2 { // once for all VUs
				p.newVU(t).run(t, `summary({junit: '`+folder+`/new/a.xml', json: '`+folder+`/a.json', html: '/dev/full'})`)
			}
			v := p.newVU(t).begin(t, settings{})
			get[any](t, v, `await flood('%s', {connections: 5, tags: {stage: 'one'}})`, startPeer(t, greeting("web-1")))
			v.end(t)
			p.taken()
			if full {
				require.NoError(t, os.WriteFile(filepath.Join(folder, "new"), nil, 0o600))
			}
			emit(t, p.global, testEnd)
			failed := p.taken().by("mconnect_verdict_failed", "call", "verdict", "stage")
			if !full {
				assert.Empty(t, failed)
				assert.FileExists(t, folder+"/new/a.xml")
				assert.FileExists(t, folder+"/a.json")
				return
			}
			assert.Equal(t, map[string]float64{"summary|ran|": 1}, failed)
			assert.FileExists(t, folder+"/a.json", "what can be written is")
			emit(t, p.global, exit)
			lines := p.logged("verdict ran failed in summary()")
			require.Len(t, lines, 1)
			assert.Contains(t, lines[0], "can't write files that it is asked for: ")
			assert.Contains(t, lines[0], folder+"/new")
		})
	}
}

// With --summary-mode=disabled k6 does not call handleSummary, so that nothing is to be written.
func TestNoSummaryIsWanted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.json")
	p := newProcess(t)
	v := p.newVU(t)
	v.VU.InitEnvField.RuntimeOptions.SummaryMode.String = "disabled"
	v.run(t, `summary({json: '`+file+`'})`)
	emit(t, p.global, testEnd)
	assert.NoFileExists(t, file)
}
