//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// influx is a running influxd, with an empty database.
type influx struct {
	address string
}

func startInflux(t testing.TB) *influx {
	t.Helper()
	db := &influx{address: freePort(t)}
	dir := t.TempDir()
	config := fmt.Sprintf(`
reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = %q
  log-enabled = false
`, freePort(t), filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), db.address)
	file := filepath.Join(dir, "influxdb.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	daemon := start(t, nil, "influxd", "run", "-config", file)
	require.Eventually(t, func() bool {
		_, err := get("http://" + db.address + "/ping")
		return err == nil
	}, patience, 50*time.Millisecond, "influxd: %s", daemon.stderr)
	return db
}

// query returns the single number of each series, by the value of a tag ("" if it is grouped by none).
func (db *influx) query(t *testing.T, statement, tag string) map[string]int64 {
	t.Helper()
	body, err := get("http://" + db.address + "/query?" + url.Values{"db": {"k6"}, "q": {statement}}.Encode())
	require.NoError(t, err)
	var answer struct {
		Results []struct {
			Error  string
			Series []struct {
				Tags   map[string]string
				Values [][]any
			}
		}
	}
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	values := map[string]int64{}
	for _, r := range answer.Results {
		require.Empty(t, r.Error, "%s", statement)
		for _, series := range r.Series {
			values[series.Tags[tag]] = int64(series.Values[0][1].(float64))
		}
	}
	return values
}

// What k6 stores in InfluxDB is what its summary says, to the last point.
func TestInfluxDBStoresEverything(t *testing.T) {
	db := startInflux(t)
	web := []string{
		startResponder(t, server.Options{Hostname: "web-0"}),
		startResponder(t, server.Options{Hostname: "web-1"}),
	}
	done := floodTest{
		calls: []call{
			{web, object{"connections": 5000}},
			{refusing(t, unix.SOCK_STREAM), object{"connections": 1000}},
		},
		script: object{"scenarios": object{"flood": object{"executor": "per-vu-iterations", "vus": 2}}},
		args:   []string{"--out", "influxdb=http://" + db.address + "/k6"},
	}.flood(t)
	require.Empty(t, done.logged("Couldn't write"))
	require.EqualValues(t, 6000, done.Report.Connects)
	require.Equal(t, map[string]int64{"web-0": 2500, "web-1": 2500}, done.Report.Hosts)

	for _, test := range []struct {
		name, statement, tag string
		want                 map[string]int64
	}{
		{"connects", "SELECT sum(value) FROM mconnect_connects", "", map[string]int64{"": 6000}},
		{"verdicts on connects", "SELECT count(value) FROM mconnect_connect_failed", "", map[string]int64{"": 6000}},
		{"failed connects", "SELECT sum(value) FROM mconnect_connect_failed GROUP BY error", "error", map[string]int64{"": 0, "refused": 1000}},
		{"connect times", "SELECT count(value) FROM mconnect_connect_duration", "", map[string]int64{"": 5000}},
		{"verdicts on replies", "SELECT count(value) FROM mconnect_reply_failed", "", map[string]int64{"": 5000}},
		{"reply times by target", "SELECT count(value) FROM mconnect_reply_duration GROUP BY target", "target", map[string]int64{web[0]: 2500, web[1]: 2500}},
		{"replies by host", "SELECT sum(value) FROM mconnect_replies GROUP BY host", "host", done.Report.Hosts},
		{"protocol", "SELECT sum(value) FROM mconnect_connects GROUP BY proto", "proto", map[string]int64{"tcp": 6000}},
		{"completed", "SELECT last(value) FROM mconnect_completed", "", map[string]int64{"": 5000}},
		{"errors", "SELECT last(value) FROM mconnect_error", "", map[string]int64{"": 1000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.want, db.query(t, test.statement, test.tag), "%s", test.statement)
		})
	}
}

// get returns what an HTTP server answers, unless that is an error.
func get(address string) ([]byte, error) {
	status, body, err := request(http.MethodGet, address, nil)
	if err == nil && status >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s: status %d: %s", address, status, body)
	}
	return body, err
}
