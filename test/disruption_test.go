//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
)

// fixedFlows are options of floods that dial the same 2,000 5-tuples.
func fixedFlows(source, network string) object {
	return object{"connections": 2000, "network": network, "source": source, "sourcePorts": "20000-20019", "close": "rst", "flows": true, "timeout": "1m"}
}

// flooding dials a target's 5-tuples in a k6 process, and returns the flows as JSON.
func flooding(t *testing.T, ns *namespace, target string, options object) json.RawMessage {
	t.Helper()
	done := holdTest{
		body: `
			const r = await flood(args.target, args.options);
			tell('completed', r.states.completed);
			tell('first_errors', r.first_errors);
			tell('flows', r.flows);`,
		args: object{"target": target, "options": options}, ns: ns,
	}.start(t).end(t, exitOK)
	require.Equal(t, []string{"2000"}, done.told["completed"], "%v", done.told["first_errors"])
	return json.RawMessage(done.told["flows"][0])
}

// judged lets another k6 process judge what happened between two floods.
func judged(t *testing.T, before, after json.RawMessage, options object) *disruption.Verdict {
	t.Helper()
	done := holdTest{
		body: `tell('verdict', mconnect.disruption({ flows: args.before }, { flows: args.after }, args.options));`,
		args: object{"before": before, "after": after, "options": options},
	}.start(t).end(t, exitOK)
	var v disruption.Verdict
	require.NoError(t, json.Unmarshal([]byte(done.told["verdict"][0]), &v))
	for metric, want := range map[string]float64{
		"mconnect_disruption_moved_share": v.MovedShare,
		"mconnect_disruption_excess":      v.Excess,
		"mconnect_disruption_lost":        float64(v.Lost),
	} {
		assert.InDelta(t, want, done.Metrics[metric].Values["value"], 1e-9, metric)
	}
	assert.Equal(t, v.Flows, done.Metrics["mconnect_disruption_flows"].count())
	return &v
}

// A router moves as many flows as its model says: with a multipath route by the position of the next hop that leaves, with
// a resilient group those of the one that leaves.
func TestDisruptionByRouter(t *testing.T) {
	r := newRouter(t, 10)
	all := r.backends
	for _, test := range []struct {
		name, model string
		route       func(*testing.T, []string)
		removed     []string
		ideal       float64
	}{
		{"multipath, nobody leaves", "ecmp", r.route, []string{}, 0},
		{"multipath, the first leaves", "ecmp", r.route, all[:1], .5},
		{"multipath, the last leaves", "ecmp", r.route, all[9:], .5},
		{"multipath, one in the middle leaves", "ecmp", r.route, all[4:5], .278},
		{"resilient, nobody leaves", "resilient", r.group, []string{}, 0},
		{"resilient, the first leaves", "resilient", r.group, all[:1], .1},
		{"resilient, two leave", "resilient", r.group, all[4:6], .2},
	} {
		t.Run(test.name, func(t *testing.T) {
			var flows [3]json.RawMessage
			for i, removed := range [][]string{nil, test.removed, nil} {
				test.route(t, slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(removed, name) }))
				flows[i] = flooding(t, r.clients, r.target, fixedFlows(r.sources, "tcp"))
			}
			out := judged(t, flows[0], flows[1], object{"model": test.model, "backends": all, "removed": test.removed})
			back := judged(t, flows[1], flows[2], object{"model": test.model, "backends": all, "added": test.removed})
			for _, v := range []*disruption.Verdict{out, back} {
				assert.EqualValues(t, 2000, v.Flows)
				assert.InDelta(t, test.ideal, v.IdealShare, .001)
				assert.InDelta(t, v.IdealShare, v.MovedShare, .05)
				assert.Zero(t, v.Lost+v.Found+v.Stale)
				if test.model == "resilient" {
					assert.Zero(t, v.Needless)
				}
			}
			assert.Zero(t, out.Claimed)
			assert.Zero(t, back.Inevitable)
		})
	}
}

// Connection tracking keeps the flows that it knows: of those of a backend that was taken from the rules, too.
func TestDisruptionByConnectionTracking(t *testing.T) {
	ns := newNamespace(t)
	const target = "127.0.1.1:5001"
	all := []string{"web-1", "web-2", "web-3", "web-4"}
	for i, name := range all {
		startBackend(t, ns, name, fmt.Sprintf("127.0.2.%d:5001", i+1))
	}
	distribute := func(backends int) {
		places := make([]string, backends)
		for i := range places {
			places[i] = fmt.Sprintf("%d : 127.0.2.%d", i, i+1)
		}
		ns.rules(t, fmt.Sprintf(`table ip e2e
			delete table ip e2e
			table ip e2e {
				chain out {
					type nat hook output priority -100
					ip daddr 127.0.1.1 dnat to numgen inc mod %d map { %s }
				}
			}`, backends, strings.Join(places, ", ")))
	}
	distribute(4)
	ns.sysctl(t, "netfilter/nf_conntrack_udp_timeout", "600") // whatever the machine is busy with
	options := fixedFlows("127.9.0.1-127.9.0.100", "udp")
	before := flooding(t, ns, target, options)
	distribute(3)
	after := flooding(t, ns, target, options)
	v := judged(t, before, after, object{"model": "stateful", "backends": all, "removed": "web-4"})
	assert.EqualValues(t, 2000, v.Flows)
	assert.Zero(t, v.Moved, "flows from %v to %v", v.From, v.To)
	assert.EqualValues(t, 500, v.Stale)
	assert.InDelta(t, -.25, v.Excess, 1e-9)
}

// Flows come back from setup(), verdicts are in the report, and a threshold decides.
func TestDisruptionDecidesTheExitCode(t *testing.T) {
	for _, test := range []struct {
		name, model string
		code        int
	}{
		{"as many as consistent hashing moves", "maglev", exitOK},
		{"more than connection tracking moves", "stateful", exitThresholds},
	} {
		t.Run(test.name, func(t *testing.T) {
			ns := newNamespace(t)
			done := holdTest{
				body: `
					const names = ['web-1', 'web-2'];
					const responders = names.map((hostname) => listen({ hostname }));
					const targets = responders.map((r) => r.address);
					const before = JSON.parse(JSON.stringify(await flood(targets, args.flows)));
					responders[1].close();
					listen({ hostname: 'web-3', address: targets[1] });
					const after = await flood(targets, args.flows);
					tell('verdict', mconnect.disruption(before, after, { model: args.model, removed: [], added: 'web-3', tags: { change: 'in' } }));
					tell('affinity', before.affinity);
					tell('balance', before.balance);`,
				args:   object{"model": test.model, "flows": fixedFlows("127.9.0.1-127.9.0.100", "tcp")},
				script: object{"thresholds": object{"mconnect_disruption_excess{change:in}": []string{"value<=0.2"}, "mconnect_balance_jain": []string{"value>0.99"}}},
				ns:     ns,
			}.start(t).end(t, test.code)
			var v disruption.Verdict
			require.NoError(t, json.Unmarshal([]byte(done.told["verdict"][0]), &v))
			assert.EqualValues(t, 1000, v.Moved)
			assert.Equal(t, v.Moved, v.Claimed)
			assert.Equal(t, []string{"web-1", "web-2", "web-3"}, v.Backends)
			assert.Equal(t, []string{`{"sources":100,"sticky":100,"share":1}`}, done.told["affinity"])
			assert.Equal(t, []disruption.Verdict{v}, done.Report.Disruptions)
		})
	}
}

// Flows come back from setup(), and disruption() needs no VU: at init it measures nothing, in handleSummary() the report has it.
func TestDisruptionAnywhere(t *testing.T) {
	run := &holding{file: filepath.Join(t.TempDir(), "summary.json")}
	fixed := asJSON(t, fixedFlows("127.9.0.1-127.9.0.100", "tcp"))
	run.process = startK6(t, newNamespace(t), nil, "-e", "FIXED="+fixed, "-e", "OUT="+run.file, "test/testdata/disruption.js")
	done := run.end(t, exitOK)
	var atInit, fromSetup disruption.Verdict
	require.NoError(t, json.Unmarshal([]byte(done.told["init"][0]), &atInit))
	require.NoError(t, json.Unmarshal([]byte(done.told["setup"][0]), &fromSetup))
	assert.EqualValues(t, 3, atInit.Flows)
	assert.EqualValues(t, 1, atInit.Moved)
	assert.InDelta(t, .5, atInit.IdealShare, 0)
	assert.EqualValues(t, 2000, fromSetup.Flows)
	assert.Zero(t, fromSetup.Moved+fromSetup.Lost+fromSetup.Found)
	assert.Equal(t, []disruption.Verdict{fromSetup, atInit}, done.Report.Disruptions, "the latter from handleSummary()")
	assert.EqualValues(t, 2000, done.Metrics["mconnect_disruption_flows"].count())
}
