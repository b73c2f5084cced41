package options_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// What a script asks of a call is in the call's plan.
func TestPlansHaveWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	hosts := map[string]any{"hosts": []any{"web-1"}}
	plans := map[string]func() (any, error){
		"flood": func() (any, error) {
			o, err := options.ParseFlood("a:1", map[string]any{
				"flows": true, "sourcePorts": "10000-20000", "expect": map[string]any{"hosts": []any{"web-1"}, "affinity": true, "source": true},
			})
			return o.With(connect.Plan{Connections: 1}), err
		},
		"flood without answers": func() (any, error) {
			o, err := options.ParseFlood("a:1", map[string]any{"readReply": false})
			return o.With(connect.Plan{Connections: 1}).SkipReply, err
		},
		"hold": func() (any, error) {
			o, err := options.ParseHold("a:1", map[string]any{"duration": "1m", "keepalive": "2s", "keepaliveTimeout": "1s", "expect": hosts})
			return o.With(connect.Plan{Connections: 1}), err
		},
		"traffic": func() (any, error) {
			o, err := options.ParseTraffic("a:1", map[string]any{
				"duration": "1m", "rate": int64(100), "packetSize": int64(100), "verify": true, "halfClose": true, "lossTimeout": "2s", "reconnect": false,
			})
			return o.With(connect.Plan{Connections: 1}), err
		},
		"capacity": func() (any, error) {
			o, err := options.ParseCapacity("a:1", map[string]any{"step": int64(10), "patience": "2s"})
			return o.With(connect.Plan{Connections: 1}), err
		},
		"idle": func() (any, error) {
			o, err := options.ParseIdle("a:1", map[string]any{"from": "1s", "to": "1m", "precision": "1s", "expect": map[string]any{"timeout": "30s"}})
			return o.With(connect.Plan{Connections: 1}), err
		},
	}
	notAsked := []string{"Packets", "Progress"} // are the binding's
	for name, parse := range plans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := parse()
			require.NoError(t, err)
			v := reflect.ValueOf(plan)
			if v.Kind() != reflect.Struct {
				assert.False(t, v.IsZero())
				return
			}
			for i := range v.NumField() {
				field := v.Type().Field(i).Name
				isOther := slices.Contains(notAsked, field) || name == "flood" && field == "SkipReply"
				assert.True(t, isOther || !v.Field(i).IsZero(), "%s is not in the plan", field)
			}
		})
	}
}
