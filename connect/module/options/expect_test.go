package options_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func TestExpectOfFlood(t *testing.T) {
	t.Parallel()
	off := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for _, name := range names {
			m[name] = true
		}
		return m
	}
	for name, row := range map[string]struct {
		expect object
		want   verdicts.Expect
	}{
		"nothing":                 {object{}, verdicts.Expect{}},
		"left out by undefined":   {object{"hosts": nil, "connected": nil}, verdicts.Expect{}},
		"hosts":                   {object{"hosts": []any{"web-1", "web-2"}}, verdicts.Expect{Hosts: map[string]float64{"web-1": 1, "web-2": 1}}},
		"one host":                {object{"hosts": "web-1"}, verdicts.Expect{Hosts: map[string]float64{"web-1": 1}}},
		"weights":                 {object{"hosts": object{"web-1": int64(2), "web-2": 0.5, "web-3": int64(0)}}, verdicts.Expect{Hosts: map[string]float64{"web-1": 2, "web-2": 0.5, "web-3": 0}}},
		"least shares":            {object{"connected": 0.999, "answered": 0.5, "complete": int64(1)}, verdicts.Expect{Shares: map[string]float64{"connected": 0.999, "answered": 0.5, "complete": 1}}},
		"verdicts left out":       {object{"connected": false, "prompt": false, "hosts": false}, verdicts.Expect{Off: off("connected", "prompt", "hosts")}},
		"defaults, in words":      {object{"connected": true, "answered": true}, verdicts.Expect{}},
		"a balance":               {object{"balance": true}, verdicts.Expect{Balance: 0.001}},
		"a balance's level":       {object{"balance": 0.05}, verdicts.Expect{Balance: 0.05}},
		"a balance's tolerance":   {object{"balance": object{"tolerance": 0.1}}, verdicts.Expect{Balance: 0.001, Tolerance: 0.1}},
		"no balance":              {object{"balance": false}, verdicts.Expect{Off: off("balance")}},
		"affinity and source":     {object{"affinity": true, "source": true}, verdicts.Expect{Affinity: true, Source: true}},
		"time to connect":         {object{"connectTime": "20ms"}, verdicts.Expect{ConnectTime: 20 * time.Millisecond}},
		"retransmits and time":    {object{"retransmits": 0.05, "replyTime": "50ms"}, verdicts.Expect{HasRetransmits: true, Retransmits: 0.05, ReplyTime: 50 * time.Millisecond}},
		"no retransmits, at all":  {object{"retransmits": int64(0)}, verdicts.Expect{HasRetransmits: true}},
		"a host with a long name": {object{"hosts": []any{"a name with spaces, and ünïcode"}}, verdicts.Expect{Hosts: map[string]float64{"a name with spaces, and ünïcode": 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := options.ParseFlood("a:1", object{"expect": row.expect})
			require.NoError(t, err)
			assert.Equal(t, row.want, f.Expect)
			if row.want.Hosts != nil {
				assert.Equal(t, row.want.Hosts, f.Weights, "they take the place of weights")
			}
		})
	}
}

func TestExpectOfOthers(t *testing.T) {
	t.Parallel()
	h, err := options.ParseHold("a:1", object{"expect": object{"kept": 0.99, "hosts": "web-1", "retransmits": 0.1}})
	require.NoError(t, err)
	assert.Equal(t, verdicts.Expect{Shares: map[string]float64{"kept": 0.99}, Hosts: map[string]float64{"web-1": 1}, HasRetransmits: true, Retransmits: 0.1}, h.Expect)
	tr, err := options.ParseTraffic("a:1", object{"expect": object{"loss": 0.01, "recovery": "3s", "recovered": false, "kept": false}})
	require.NoError(t, err)
	assert.Equal(t, verdicts.Expect{HasLoss: true, Loss: 0.01, Recovery: 3 * time.Second, Off: map[string]bool{"recovered": true, "kept": true}}, tr.Expect)
	c, err := options.ParseCapacity("a:1", object{"expect": object{"connections": int64(100)}})
	require.NoError(t, err)
	assert.Equal(t, verdicts.Expect{Connections: 100}, c.Expect)
	d, err := options.ParseDisruption(recorded(), recorded(), object{"removed": "a", "model": "maglev", "expect": object{"moved": 0.1}})
	require.NoError(t, err)
	assert.Equal(t, verdicts.Expect{HasMoved: true, Moved: 0.1}, d.Expect)
}

func TestExpectErrors(t *testing.T) {
	t.Parallel()
	flood := func(o object) error { _, err := options.ParseFlood("a:1", o); return err }
	traffic := func(o object) error { _, err := options.ParseTraffic("a:1", o); return err }
	hold := func(o object) error { _, err := options.ParseHold("a:1", o); return err }
	for name, row := range map[string]struct {
		parse   func(object) error
		options object
		parts   []string
	}{
		"no object":               {flood, object{"expect": []any{"web-1"}}, []string{`option "expect"`, "{hosts: ['web-1', 'web-2']}"}},
		"an unknown part":         {flood, object{"expect": object{"host": "web-1"}}, []string{`"host" is unknown`, "hosts"}},
		"another call's part":     {flood, object{"expect": object{"loss": 0.1}}, []string{`"loss" is unknown`}},
		"no share":                {flood, object{"expect": object{"connected": 1.1}}, []string{`"connected": got 1.1`, "from 0 to 1"}},
		"a share in words":        {flood, object{"expect": object{"answered": "most"}}, []string{`"answered": got "most"`}},
		"no host":                 {flood, object{"expect": object{"hosts": []any{}}}, []string{`"hosts"`, "a list of names"}},
		"a host twice":            {flood, object{"expect": object{"hosts": []any{"web-1", "web-1"}}}, []string{`name "web-1" is there twice`}},
		"an empty name":           {flood, object{"expect": object{"hosts": []any{""}}}, []string{`a name is empty`}},
		"a weight below 0":        {flood, object{"expect": object{"hosts": object{"web-1": int64(-1)}}}, []string{`weight of "web-1" is -1`}},
		"a weight in words":       {flood, object{"expect": object{"hosts": object{"web-1": "heavy"}}}, []string{`weight of "web-1" is "heavy"`}},
		"a weight near 0":         {flood, object{"expect": object{"hosts": object{"web-1": 1e-300, "web-2": int64(1)}}}, []string{`weight of "web-1" is 1e-300`, "want 0, or a number from 1e-09 to 1e+09"}},
		"a large weight":          {flood, object{"expect": object{"hosts": object{"web-1": 1e10}}}, []string{`weight of "web-1" is`}},
		"times of hold, unasked":  {hold, object{"expect": object{"replyTime": "1s"}}, []string{`option "expect"`, "keepalive: '10s'"}},
		"all weights 0":           {flood, object{"expect": object{"hosts": object{"web-1": int64(0)}}}, []string{"all weights are 0"}},
		"true hosts":              {flood, object{"expect": object{"hosts": true}}, []string{`"hosts": got true`}},
		"no level":                {flood, object{"expect": object{"balance": int64(2)}}, []string{`"balance": got 2`, "p-value"}},
		"a tolerance in per cent": {flood, object{"expect": object{"balance": object{"tolerance": int64(10)}}}, []string{`"tolerance": got 10; want a number from 0 to 1; 0.1 is 10 %`}},
		"a tolerance in words":    {flood, object{"expect": object{"balance": object{"tolerance": "some"}}}, []string{`"tolerance": got "some"`}},
		"true prompt of 0.5":      {flood, object{"expect": object{"prompt": 0.5}}, []string{`"prompt": got 0.5`, "false, which leaves the verdict out"}},
		"no time for answers":     {flood, object{"expect": object{"replyTime": int64(0)}}, []string{`"replyTime": got 0`}},
		"no time for connects":    {flood, object{"expect": object{"connectTime": int64(0)}}, []string{`"connectTime": got 0`}},
		"connects of UDP":         {flood, object{"network": "udp4", "expect": object{"connectTime": "1s"}}, []string{`option "expect": connectTime with network 'udp4'; want tcp or tls`}},
		"connects of UDP, held":   {hold, object{"network": "udp", "keepalive": "1s", "expect": object{"connectTime": "1s"}}, []string{"want tcp or tls"}},
		"hosts without answers":   {flood, object{"readReply": false, "expect": object{"hosts": "web-1"}}, []string{`option "expect"`, "readReply true"}},
		"times without answers":   {flood, object{"readReply": false, "expect": object{"replyTime": "1s"}}, []string{`option "expect"`, "readReply true"}},
		"a loss in percent":       {traffic, object{"expect": object{"loss": int64(5)}}, []string{`"loss": got 5`, "from 0 to 1"}},
		"a recovery in words":     {traffic, object{"expect": object{"recovery": "soon"}}, []string{`"recovery": got "soon"`}},
		"a balance of traffic":    {traffic, object{"expect": object{"balance": true}}, []string{`"balance" is unknown`}},
		"answers of hold":         {hold, object{"expect": object{"answered": 1}}, []string{`"answered" is unknown`}},
		"a host of hold, a count": {hold, object{"expect": object{"hosts": int64(3)}}, []string{`"hosts": got 3`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := row.parse(row.options)
			require.Error(t, err)
			for _, part := range row.parts {
				assert.Contains(t, err.Error(), part)
			}
		})
	}
}
