package module

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	type inner struct {
		Both   int           `json:"both"`
		Within time.Duration `json:"within"`
	}
	type outer struct {
		*inner
		Both    string                  `json:"both"`
		Long    time.Duration           `json:"long"`
		None    *time.Duration          `json:"none"`
		Some    *time.Duration          `json:"some"`
		Left    *int                    `json:"left,omitempty"`
		Hidden  int                     `json:"-"`
		ByClass map[connect.Class]int64 `json:"by_class"`
		Spread  map[string]stats.Bucket `json:"spread"`
		Nothing map[string]int          `json:"nothing"`
		List    []time.Duration         `json:"list"`
		Addr    netip.AddrPort          `json:"addr"`
		Start   time.Time               `json:"start"`
	}
	some := 1500 * time.Microsecond
	v := outer{
		inner: &inner{Both: 7, Within: time.Second}, Both: "outer", Long: 2500 * time.Nanosecond, Some: &some, Hidden: 1,
		ByClass: map[connect.Class]int64{connect.ClassTimeout: 2, connect.ClassRefused: 1},
		Spread:  map[string]stats.Bucket{"a\"": {From: time.Millisecond, To: 2 * time.Millisecond, Count: 3}},
		List:    []time.Duration{time.Millisecond}, Addr: netip.MustParseAddrPort("[::1]:80"), Start: time.Unix(0, 0).UTC(),
	}
	text, err := encode(&v, milliseconds)
	require.NoError(t, err)
	assert.JSONEq(t, `{"both":"outer","long":0.0025,"none":null,"some":1.5,"by_class":{"refused":1,"timeout":2},"spread":{"a\"":{"from":1,"to":2,"count":3}},`+
		`"nothing":{},"list":[1],"addr":"[::1]:80","start":"1970-01-01T00:00:00Z","within":1000}`, string(text))
	text, err = encode(&v, nanoseconds)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"long":2500`)
	assert.Contains(t, string(text), `"within":1000000000`)
	_, err = encode(map[int]int{1: 1}, milliseconds)
	assert.ErrorContains(t, err, "want names")
}

// What scripts and report() get is what encoding/json would write, but for the unit.
func TestEncodeAsJSONDoes(t *testing.T) {
	t.Parallel()
	loss := time.Second
	for name, v := range map[string]any{
		"flood": &connect.FloodResult{Hosts: connect.Hosts{"a": 1}, Errors: map[connect.Class]int64{connect.ClassReset: 2}, First: map[connect.Class]connect.Failure{connect.ClassReset: {Text: "x"}}},
		"traffic": &connect.TrafficResult{
			FirstLoss: &loss, Targets: []string{"a"}, RoundTrips: []stats.Bucket{}, Samples: []connect.TrafficSample{{Time: 3}}, Records: []connect.TrafficRecord{{Host: "b"}},
			LostByHost: connect.Hosts{}, LastingByHost: connect.Hosts{}, Errors: map[connect.Class]int64{}, First: map[connect.Class]connect.Failure{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := json.Marshal(v)
			require.NoError(t, err)
			got, err := encode(v, nanoseconds)
			require.NoError(t, err)
			var of, as map[string]any
			require.NoError(t, json.Unmarshal(got, &of))
			require.NoError(t, json.Unmarshal(want, &as))
			for name, value := range as {
				if value == nil {
					assert.Empty(t, of[name], "%s: nothing is an empty list or object, which scripts need not check for null", name)
					delete(of, name)
					delete(as, name)
				}
			}
			assert.Equal(t, as, of)
		})
	}
}
