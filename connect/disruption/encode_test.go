package disruption_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// again encodes and decodes flows.
func again(t *testing.T, flows *disruption.Flows) *disruption.Flows {
	t.Helper()
	text, err := json.Marshal(flows)
	require.NoError(t, err)
	var decoded disruption.Flows
	require.NoError(t, json.Unmarshal(text, &decoded))
	return &decoded
}

func TestFlowsSurviveJSON(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("5000::/112, 5001::1")
	require.NoError(t, err)
	target := netip.MustParseAddrPort("[2001:db8::1%eth0]:5001")
	ports := source.Ports{First: 1000, Last: 65535}
	for name, row := range map[string]struct {
		targets []netip.AddrPort
		sources source.Sequence
		hosts   int
	}{
		"in order":             {[]netip.AddrPort{target}, source.Sequence{Pool: pool, Ports: ports, Start: 1<<64 - 5}, 3},
		"at random":            {[]netip.AddrPort{target}, source.Sequence{Pool: pool, Ports: ports, Random: true, Seed: 1<<64 - 1}, 255},
		"the system's address": {[]netip.AddrPort{target, netip.MustParseAddrPort("10.0.0.1:1")}, source.Sequence{Ports: ports}, 256},
		"an unresolved target": {[]netip.AddrPort{target, {}}, source.Sequence{Ports: ports}, 1},
		"many names":           {[]netip.AddrPort{target}, source.Sequence{Pool: pool, Ports: ports}, 11_000},
		"no answers":           {[]netip.AddrPort{target}, source.Sequence{Pool: pool, Ports: ports}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flows := disruption.New("udp", row.targets, row.sources)
			for n := range 2 * row.hosts {
				flows.Record(int64(3*n), fmt.Sprint(n%row.hosts))
			}
			decoded := again(t, flows)
			text, err := json.Marshal(decoded)
			require.NoError(t, err)
			original, err := json.Marshal(flows)
			require.NoError(t, err)
			assert.Equal(t, string(original), string(text))
			if row.hosts > 0 {
				v, err := disruption.Of(flows, decoded, disruption.Change{Model: disruption.Stateful})
				require.NoError(t, err)
				assert.Zero(t, v.Moved+v.Lost+v.Found)
			}
		})
	}
}

func TestFlowsAreCompact(t *testing.T) {
	t.Parallel()
	flows := record(t)
	for n := range int64(10_000) {
		flows.Record(n, "a-backend-with-a-long-name")
	}
	text, err := json.Marshal(flows)
	require.NoError(t, err)
	assert.Less(t, len(text), 14_000, "one byte each, in base 64")
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const good = `"version":1,"protocol":"tcp","targets":["10.0.0.1:1"],"source":"10.0.0.1","ports":"1-2","start":"0","seed":"0","hosts":["a"]`
	var flows disruption.Flows
	require.NoError(t, json.Unmarshal([]byte(`{`+good+`,"answers":"AQEA"}`), &flows))
	for name, row := range map[string]struct{ text, says string }{
		"a number":              {`5`, "no record of flows"},
		"an empty object":       {`{}`, "version 1, but of version 0"},
		"another version":       {`{"version":2}`, "version 2"},
		"no target":             {`{"version":1,"ports":"1-2"}`, "no target"},
		"no ports":              {`{"version":1,"targets":[""]}`, "ports"},
		"a target without port": {`{` + good + `,"targets":["10.0.0.1"]}`, "10.0.0.1"},
		"a source of nonsense":  {`{` + good + `,"source":"web"}`, "web"},
		"no base 64":            {`{` + good + `,"answers":"?"}`, "no record of flows"},
		"an unknown host":       {`{` + good + `,"answers":"AQIA"}`, "connection 1 was answered by host 2 of 1"},
		"a host twice":          {`{` + good + `,"hosts":["a","a"]}`, "two hosts of the same name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var flows disruption.Flows
			err := json.Unmarshal([]byte(row.text), &flows)
			assert.ErrorContains(t, err, row.says)
			assert.ErrorContains(t, err, "want the flows of a flood's result")
		})
	}
}

func FuzzFlows(f *testing.F) {
	f.Add(`{"version":1,"protocol":"tcp","targets":["10.0.0.1:1"],"source":"10.0.0.1","ports":"1-2","start":"0","seed":"0","hosts":["a"],"answers":"AQEA"}`)
	f.Add(`{"version":1,"protocol":"udp","targets":["","[::1]:65535"],"source":"","ports":"65535","start":"18446744073709551615","random":true,"seed":"7","hosts":["a","b"],"answers":"AQIA"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var flows disruption.Flows
		if json.Unmarshal([]byte(text), &flows) != nil {
			return
		}
		affinity := flows.Affinity()
		assert.LessOrEqual(t, affinity.Sticky, affinity.Sources)
		if v, err := disruption.Of(&flows, again(t, &flows), disruption.Change{Model: disruption.Maglev}); err == nil {
			assert.Zero(t, v.Moved+v.Lost+v.Found)
		}
	})
}
