package options_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// recorded are flows as a script has them.
func recorded() object {
	return object{
		"version": int64(1), "protocol": "tcp", "targets": []any{"10.0.0.1:1"}, "source": "10.0.0.0/24", "ports": "1-2",
		"start": "0", "random": false, "seed": "0", "hosts": []any{"a", "b"}, "answers": "AQIA",
	}
}

func TestParseDisruption(t *testing.T) {
	t.Parallel()
	d, err := options.ParseDisruption(recorded(), recorded(), object{
		"model": "ecmp", "backends": []any{"a", "b", "c"}, "removed": "c", "added": []any{}, "weights": object{"a": int64(1), "b": .5}, "tags": object{"change": "out"},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, d.Before.Hosts())
	assert.Equal(t, []string{"a", "b"}, d.After.Hosts())
	assert.Equal(t, disruption.Change{
		Model: disruption.ECMP, Backends: []string{"a", "b", "c"}, Removed: []string{"c"}, Added: []string{}, Weights: map[string]float64{"a": 1, "b": .5},
	}, d.Change)
	assert.Equal(t, map[string]string{"change": "out"}, d.Tags)
}

func TestParseDisruptionSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	model := object{"model": "maglev"}
	broken := recorded()
	broken["hosts"] = []any{"a"}
	for name, row := range map[string]struct {
		before, after, options any
		says                   []string
	}{
		"no options":            {recorded(), recorded(), nil, []string{"options: got null", "{model: 'maglev'"}},
		"options as text":       {recorded(), recorded(), "maglev", []string{`options: got "maglev"`}},
		"an unknown option":     {recorded(), recorded(), object{"moddel": "maglev"}, []string{`"moddel" is unknown`, "added, backends, expect, model, removed, tags, weights"}},
		"an unknown model":      {recorded(), recorded(), object{"model": "rss"}, []string{`"model": got "rss"`, "'maglev', 'ecmp', 'resilient', 'stateful'"}},
		"no flows before":       {nil, recorded(), model, []string{"before: ", "flows: true"}},
		"no flows after":        {recorded(), nil, model, []string{"after: ", "flows: true"}},
		"flows that are none":   {recorded(), "abc", model, []string{"after: ", "no record of flows"}},
		"broken flows":          {broken, recorded(), model, []string{"before: ", "answered by host 2 of 1"}},
		"backends as number":    {recorded(), recorded(), object{"backends": int64(3)}, []string{`"backends": got 3`, "array of names"}},
		"a number as backend":   {recorded(), recorded(), object{"removed": []any{int64(3)}}, []string{`"removed": got [3]`}},
		"a weight as text":      {recorded(), recorded(), object{"weights": object{"a": "1"}}, []string{`"weights"`, `weight of "a" is "1"`, "want 0, or a number"}},
		"an expectation":        {recorded(), recorded(), object{"expect": true}, []string{`"expect": got true`, "an object, such as {moved: 0.1}"}},
		"a tag of ours":         {recorded(), recorded(), object{"tags": object{"model": "x"}}, []string{`tag "model" is not free`}},
		"weights that are zero": {recorded(), recorded(), object{"weights": object{"a": int64(0)}}, []string{`"weights"`, "above 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := options.ParseDisruption(row.before, row.after, row.options)
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), "disruption(): "), err)
			for _, part := range row.says {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}
