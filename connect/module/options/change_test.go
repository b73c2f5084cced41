package options_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func TestParseChange(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options any
		want    options.Change
	}{
		"no options":      {nil, options.Change{Text: "restart", Hosts: []string{}, Within: 10 * time.Second}},
		"no host":         {object{}, options.Change{Text: "restart", Hosts: []string{}, Within: 10 * time.Second}},
		"one host":        {object{"hosts": "web-1"}, options.Change{Text: "restart", Hosts: []string{"web-1"}, Within: 10 * time.Second}},
		"hosts, and time": {object{"hosts": []any{"web-1", "web-2"}, "within": int64(500)}, options.Change{Text: "restart", Hosts: []string{"web-1", "web-2"}, Within: time.Second / 2}},
		"left out":        {object{"hosts": nil, "within": nil}, options.Change{Text: "restart", Hosts: []string{}, Within: 10 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := options.ParseChange("restart", row.options)
			require.NoError(t, err)
			assert.Equal(t, &row.want, c)
		})
	}
}

func TestParseChangeErrors(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text, options any
		parts         []string
	}{
		"no text":          {nil, nil, []string{"change(): text:", "restart of web-1"}},
		"an empty text":    {"", nil, []string{`text: got ""`}},
		"a number":         {int64(1), nil, []string{"text: got 1"}},
		"a long text":      {strings.Repeat("x", 1001), nil, []string{"at most 1000 bytes"}},
		"no object":        {"restart", "web-1", []string{"options: got \"web-1\"", "{hosts: ['web-1'], within: '10s'}"}},
		"an unknown part":  {"restart", object{"host": "web-1"}, []string{`option "host" is unknown`, "hosts, within"}},
		"a number of host": {"restart", object{"hosts": int64(1)}, []string{`option "hosts": got 1`, "name of a backend"}},
		"an empty host":    {"restart", object{"hosts": ""}, []string{`option "hosts": got ""`, `"" is no host's name`}},
		"half a name":      {"restart", object{"hosts": []any{"web-1", "web\x1b"}}, []string{`option "hosts": got ["web-1","web\x1b"]`, `"web\x1b" is no host's name`}},
		"no time":          {"restart", object{"within": "0s"}, []string{`option "within": got "0s"`, "a duration above 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := options.ParseChange(row.text, row.options)
			require.Error(t, err)
			assert.Less(t, len(err.Error()), 1500)
			for _, part := range row.parts {
				assert.Contains(t, err.Error(), part)
			}
		})
	}
}
