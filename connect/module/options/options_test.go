package options_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib/types"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

type object = map[string]any

func TestParseFlood(t *testing.T) {
	t.Parallel()
	f, err := options.ParseFlood([]any{"10.0.0.1:1", "[::1]:2"}, object{
		"network": "udp4", "connections": int64(1000), "concurrency": 10.0, "rate": 2.5, "connectTimeout": "1m30s", "timeout": int64(1500),
		"source": []any{"10.0.0.1", "10.0.0.8/30"}, "sourceOrder": "random", "seed": int64(-1), "sourcePorts": "1000-2000", "close": "rst",
		"payload": []byte{1, 2}, "readReply": false, "monitor": "1s", "tags": object{"site": "ham", "rack": int64(4)}, "serverName": nil,
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"10.0.0.1:1", "[::1]:2"}, f.Targets)
	assert.Equal(t, map[string]string{"site": "ham", "rack": "4"}, f.Tags)
	assert.Equal(t, uint64(1<<64-1), *f.Seed)
	p := f.Plan
	assert.Equal(t, "udp4", p.Network)
	assert.EqualValues(t, 1000, p.Connections)
	assert.Equal(t, 10, p.Concurrency)
	assert.InDelta(t, 2.5, p.Rate, 0)
	assert.Equal(t, 90*time.Second, p.ConnectTimeout)
	assert.Equal(t, 1500*time.Millisecond, p.Timeout)
	assert.EqualValues(t, 3, p.Sources.Pool.Size())
	assert.True(t, p.Sources.Random)
	assert.Equal(t, source.Ports{First: 1000, Last: 2000}, p.Sources.Ports)
	assert.True(t, p.Reset)
	assert.Equal(t, []byte{1, 2}, p.Payload)
	assert.True(t, f.SkipReply)
	assert.Equal(t, time.Second, p.Monitor)
}

func TestParseFloodDefaults(t *testing.T) {
	t.Parallel()
	f, err := options.ParseFlood("10.0.0.1:1", nil)
	require.NoError(t, err)
	assert.Equal(t, &options.Flood{Call: options.Call{Targets: []string{"10.0.0.1:1"}, Limit: 2001 * time.Millisecond}}, f)
	same, err := options.ParseFlood("10.0.0.1:1", object{"source": nil, "close": "fin", "readReply": true, "sourceOrder": "sequential"})
	require.NoError(t, err)
	assert.Equal(t, f, same)
}

// Options that have no effect with others are accepted: scripts choose one, and leave the others as they are.
func TestParseFloodWithIdleOptions(t *testing.T) {
	t.Parallel()
	f, err := options.ParseFlood("10.0.0.1:1", object{"network": "tcp", "payload": "x", "seed": int64(1), "serverName": "web"})
	require.NoError(t, err)
	assert.Equal(t, "tcp", f.Plan.Protocol())
}

func TestParseFloodVerdicts(t *testing.T) {
	t.Parallel()
	f, err := options.ParseFlood("10.0.0.1:1", object{
		"flows": true, "sourcePorts": "1-2", "sourceOrder": "random", "seed": int64(1), "weights": object{"a": int64(2), "b": .5, "c": int64(0)},
	})
	require.NoError(t, err)
	assert.True(t, f.Flows)
	assert.Equal(t, map[string]float64{"a": 2, "b": .5, "c": 0}, f.Weights)
	f, err = options.ParseFlood("10.0.0.1:1", object{"flows": false})
	require.NoError(t, err)
	assert.False(t, f.Flows)
}

func TestParseFloodSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		target  any
		options any
		says    []string
	}{
		"no target":             {nil, nil, []string{"target is missing", "'host:port'"}},
		"a number as target":    {int64(5), nil, []string{"target: got 5", "'host:port'"}},
		"no targets":            {[]any{}, nil, []string{"target: got []"}},
		"a list with a number":  {[]any{"a:1", int64(5)}, nil, []string{`got ["a:1",5]`}},
		"a target without port": {"web", nil, []string{`"web"`, "port"}},
		"options as text":       {"a:1", "fast", []string{`got "fast"`, "object"}},
		"an unknown option":     {"a:1", object{"conections": int64(5)}, []string{`"conections" is unknown`, "connections"}},
		"a text as number":      {"a:1", object{"connections": "5"}, []string{`"connections": got "5"`, "1 to 100000000", "Number("}},
		"half a connection":     {"a:1", object{"connections": 0.5}, []string{"got 0.5", "whole number"}},
		"no connections":        {"a:1", object{"connections": int64(0)}, []string{"got 0"}},
		"a negative rate":       {"a:1", object{"rate": int64(-1)}, []string{`"rate": got -1`}},
		"no duration":           {"a:1", object{"timeout": "soon"}, []string{`"timeout": got "soon"`, "'500ms'"}},
		"no time at all":        {"a:1", object{"timeout": int64(0)}, []string{"got 0", "above 0"}},
		"a negative time":       {"a:1", object{"connectTimeout": "-5s"}, []string{`got "-5s"`}},
		"an endless time":       {"a:1", object{"timeout": 1e300}, []string{"want a duration"}},
		"a boolean as time":     {"a:1", object{"timeout": true}, []string{"got true"}},
		"an unknown network":    {"a:1", object{"network": "sctp"}, []string{`got "sctp"`, "'tcp', 'tcp4'"}},
		"a bad source":          {"a:1", object{"source": "10.0.0.0/40"}, []string{`"source": got "10.0.0.0/40"`, "not a CIDR"}},
		"a source of numbers":   {"a:1", object{"source": []any{int64(1)}}, []string{"got [1]", "address"}},
		"bad source ports":      {"a:1", object{"sourcePorts": "9-1"}, []string{`got "9-1"`, "10000-20000"}},
		"ports as a number":     {"a:1", object{"sourcePorts": int64(80)}, []string{"got 80"}},
		"an unknown order":      {"a:1", object{"sourceOrder": "backwards"}, []string{"'sequential', 'random'"}},
		"half a seed":           {"a:1", object{"seed": 0.5}, []string{"got 0.5"}},
		"an unknown close":      {"a:1", object{"close": "kill"}, []string{`got "kill"`, "'fin', 'rst'"}},
		"an empty payload":      {"a:1", object{"network": "udp", "payload": ""}, []string{"1 to 65507 bytes"}},
		"a large payload":       {"a:1", object{"network": "udp", "payload": make([]byte, 65508)}, []string{"1 to 65507 bytes"}},
		"a payload of numbers":  {"a:1", object{"network": "udp", "payload": int64(5)}, []string{"ArrayBuffer"}},
		"an empty name":         {"a:1", object{"network": "tls", "serverName": ""}, []string{"not empty"}},
		"a reply as number":     {"a:1", object{"readReply": int64(1)}, []string{"true or false"}},
		"a tag of ours":         {"a:1", object{"tags": object{"error": "x"}}, []string{`tag "error" is not free`}},
		"a tag without name":    {"a:1", object{"tags": object{"": "x"}}, []string{`tag "" is not free`}},
		"a function":            {"a:1", object{"timeout": func() {}}, []string{"got a function"}},
		"flows as text":         {"a:1", object{"flows": "yes"}, []string{`"flows": got "yes"`, "true or false"}},
		"flows of any port":     {"a:1", object{"flows": true, "source": "10.0.0.1"}, []string{`"flows": got true without sourcePorts`, "close: 'rst'"}},
		"flows of no answers":   {"a:1", object{"flows": true, "sourcePorts": "1-2", "readReply": false}, []string{`"flows"`, "readReply true"}},
		"flows at random":       {"a:1", object{"flows": true, "sourcePorts": "1-2", "sourceOrder": "random"}, []string{`"flows"`, "the same seed"}},
		"flows without end":     {"a:1", object{"flows": true, "sourcePorts": "1-2", "connections": int64(20_000_000)}, []string{`"flows"`, "at most 10000000"}},
		"weights of no number":  {"a:1", object{"weights": object{"b": math.Inf(-1), "a": math.NaN()}}, []string{`got {"a":NaN,"b":-Infinity}`}},
		"weights as a list":     {"a:1", object{"weights": []any{int64(1)}}, []string{`"weights": got [1]`, "{'web-1': 2, 'web-2': 1}"}},
		"weights of nothing":    {"a:1", object{"weights": object{}}, []string{`"weights": got {}`, "above 0"}},
		"a negative weight":     {"a:1", object{"weights": object{"a": int64(-1)}}, []string{`weight of "a" is -1`}},
		"weights, no answers":   {"a:1", object{"weights": object{"a": int64(1)}, "readReply": false}, []string{`"weights"`, "readReply true"}},
		"a tag of two lines":    {"a:1", object{"tags": object{"site": "ham\nburg"}}, []string{`tag "site": "ham\nburg" has control characters`}},
		"a tag's name, too":     {"a:1", object{"tags": object{"si\tte": "ham"}}, []string{`tag "si\tte"`}},
		"tags as a list":        {"a:1", object{"tags": []any{"a"}}, []string{`got ["a"]`}},
		"a tag of tags":         {"a:1", object{"tags": object{"a": object{}}}, []string{`tag "a"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := options.ParseFlood(row.target, row.options)
			require.Error(t, err)
			assert.ErrorContains(t, err, "flood(): ")
			for _, part := range row.says {
				assert.ErrorContains(t, err, part)
			}
			assert.Less(t, len(err.Error()), 600, "an error is there to be read")
		})
	}
}

func TestParseListen(t *testing.T) {
	t.Parallel()
	l, err := options.ParseListen(nil)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:0", l.Server.Address)
	assert.True(t, l.Server.UDP)
	assert.False(t, l.Echo)
	l, err = options.ParseListen(object{"address": "[::1]:0", "echo": true, "hostname": "web", "network": "tls", "http": "[::1]:0", "maxConnections": int64(7), "idleTimeout": "1m"})
	require.NoError(t, err)
	assert.True(t, l.TLS)
	assert.True(t, l.Echo)
	assert.Equal(t, "web", l.Server.Hostname)
	assert.Equal(t, 7, l.Server.MaxConnections)
	assert.Equal(t, time.Minute, l.Server.IdleTimeout)
	assert.Nil(t, l.Server.Mesh, "options are checked here; who starts the server starts its mesh")
	for _, wrong := range []any{int64(1), object{"port": int64(5)}, object{"address": int64(5)}, object{"echo": "yes"}, object{"cert": "x"}, object{"cert": "x", "key": "y"}, object{"network": "tls", "key": "y"}} {
		_, err := options.ParseListen(wrong)
		assert.ErrorContains(t, err, "listen(): ", "%v", wrong)
	}
}

// TestSourcesAreThoseOfLocalIPs compares with k6's own reading of --local-ips. Left out are addresses that start with a
// zero byte, which k6 cuts off.
func TestSourcesAreThoseOfLocalIPs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"10.0.0.1", "127.9.0.0/24", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.7/32", "50.0.0.0/16", "10.0.0.5-10.0.3.20",
		"10.0.0.1,10.0.1.0/28,10.0.2.1-10.0.2.9", "5000::/112", "2001:db8::1-2001:db8::1:5", "2001:db8::/64",
	} {
		theirs, err := types.NewIPPool(text)
		require.NoError(t, err)
		ours, err := source.ParsePool(text)
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(3, 4))
		for range 500 {
			i := random.Uint64() >> random.IntN(64)
			want, ok := netip.AddrFromSlice(theirs.GetIP(i))
			require.True(t, ok)
			assert.Equal(t, want, ours.At(i), "%s at %d", text, i)
		}
	}
}

func FuzzParseFlood(f *testing.F) {
	f.Add("10.0.0.1:80", `{"connections": 5, "source": "10.0.0.0/8", "tags": {"a": 1}}`)
	f.Add("[::1]:80", `{"network": "udp", "payload": "x", "timeout": "5s", "seed": 3}`)
	f.Add("x", `{"rate": 1e308, "sourcePorts": "1-2", "close": null}`)
	f.Fuzz(func(t *testing.T, target, text string) {
		var object any
		if json.Unmarshal([]byte(text), &object) != nil {
			return
		}
		parsed, err := options.ParseFlood(target, object)
		if err != nil {
			assert.ErrorContains(t, err, "flood(): ")
			return
		}
		assert.Equal(t, []string{target}, parsed.Targets)
		assert.GreaterOrEqual(t, parsed.Plan.Timeout, time.Duration(0))
		assert.GreaterOrEqual(t, parsed.Plan.Connections, int64(0))
	})
}
