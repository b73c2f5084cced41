package options_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func TestParseIdle(t *testing.T) {
	t.Parallel()
	d, err := options.ParseIdle("10.0.0.1:1", object{
		"from": "2s", "to": "400s", "precision": int64(5000), "connections": int64(40), "payload": "PING\r\n", "expect": object{"timeout": "5m"},
		"reply": object{"match": options.Pattern{Source: `^\+PONG`}, "until": "\r\n"},
	})
	require.NoError(t, err)
	assert.Equal(t, 2*time.Second, d.From)
	assert.Equal(t, 400*time.Second, d.To)
	assert.Equal(t, 5*time.Second, d.Precision)
	assert.Equal(t, 5*time.Minute, d.Expected)
	assert.EqualValues(t, 40, d.Plan.Connections)
	assert.Equal(t, "PING\r\n", string(d.Plan.Payload))
	assert.Equal(t, `^\+PONG`, d.Plan.Reply.Match.String())
	assert.Greater(t, d.Limit, 1600*time.Second)
	assert.Greater(t, d.Most, int64(40), "forgotten connections are replaced")

	d, err = options.ParseIdle("10.0.0.1:1", nil)
	require.NoError(t, err)
	assert.Zero(t, d.From+d.To+d.Precision+d.Expected, "the engine's defaults")
	assert.Nil(t, d.Plan.Reply)
	assert.Nil(t, d.Plan.Payload)
	assert.Greater(t, d.Limit, 2*time.Hour)
	assert.Greater(t, d.Most, int64(20))
}

func TestIdleSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options any
		says    []string
	}{
		"a hold's option":      {object{"keepalive": "1s"}, []string{`"keepalive" is unknown`, "precision"}},
		"many connections":     {object{"connections": int64(1001)}, []string{`"connections": got 1001`, "1 to 1000"}},
		"from after to":        {object{"from": "1m", "to": "10s"}, []string{`"from": got 1m0s with to 10s`}},
		"from after default":   {object{"from": "25h", "to": "2h"}, []string{`"from": got 25h0m0s`}},
		"a coarse precision":   {object{"to": "10s", "precision": "11s"}, []string{`"precision": got 11s with to 10s`}},
		"no time to be silent": {object{"timeout": "4m", "expect": object{"timeout": "5m"}}, []string{`"timeout": got 4m0s`, "5m0s"}},
		"no time at all":       {object{"from": "10s", "timeout": "9s"}, []string{`"timeout": got 9s`, "10s"}},
		"a silence of 0":       {object{"from": int64(0)}, []string{`"from": got 0`, "above 0"}},
		"expect a duration":    {object{"expect": "5m"}, []string{`"expect": got "5m"`, "{timeout: '5m'}"}},
		"expect nonsense":      {object{"expect": object{"hosts": []any{"a"}}}, []string{`"expect"`, `"hosts" is unknown`}},
		"a reply of two ends":  {object{"reply": object{"until": "\n", "bytes": int64(2)}}, []string{`"reply"`, "one of them"}},
		"a header over UDP":    {object{"network": "udp", "proxyProtocol": int64(2)}, []string{`"proxyProtocol": got 2 with network 'udp'`}},
		"packets with TLS":     {object{"network": "tls", "driver": "packets"}, []string{`"driver": got 'packets' with network 'tls'`}},
		"options as a list":    {[]any{}, []string{"options: got []"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := options.ParseIdle("a:1", row.options)
			require.Error(t, err)
			assert.ErrorContains(t, err, "idle(): ")
			for _, part := range row.says {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}
