//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// prometheusServer is a running Prometheus that takes remote writes, with native histograms.
type prometheusServer struct {
	address string
}

// startPrometheus starts a Prometheus that scrapes some addresses every second.
func startPrometheus(t testing.TB, scraped ...string) *prometheusServer {
	t.Helper()
	p := &prometheusServer{address: freePort(t)}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil,
		"scrape_configs:\n- job_name: mesh\n  scrape_interval: 1s\n  static_configs:\n  - targets: %s\n", asJSON(t, append([]string{}, scraped...))), 0o600))
	daemon := start(t, nil, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address,
		"--web.enable-remote-write-receiver", "--enable-feature=native-histograms", "--log.level=warn")
	require.Eventually(t, func() bool {
		_, err := get("http://" + p.address + "/-/ready")
		return err == nil
	}, patience, 50*time.Millisecond, "prometheus: %s", daemon.stderr)
	return p
}

// wrapper is what k6's command begins with, so that the output writes there; native: Trends are native histograms.
func (p *prometheusServer) wrapper(native bool) []string {
	return []string{
		"env", "K6_PROMETHEUS_RW_SERVER_URL=http://" + p.address + "/api/v1/write", "K6_PROMETHEUS_RW_TREND_STATS=p(50),p(95),p(99),max",
		"K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM=" + strconv.FormatBool(native),
	}
}

// A promSeries is one series of an answer: its labels and values, the last one for a question about an instant.
type promSeries struct {
	Metric map[string]string
	values []float64
}

// ask asks about an instant, or about a range of time in steps of five seconds if from is not zero.
func (p *prometheusServer) ask(t *testing.T, expression string, from, to time.Time) []promSeries {
	t.Helper()
	seconds := func(at time.Time) string { return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64) }
	path, values := "query", url.Values{"query": {expression}, "time": {seconds(to)}}
	if !from.IsZero() {
		path, values = "query_range", url.Values{"query": {expression}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {"5"}}
	}
	body, err := get("http://" + p.address + "/api/v1/" + path + "?" + values.Encode())
	require.NoError(t, err, "%s", expression)
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
				Values [][2]any
			}
		}
	}
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	var all []promSeries
	for _, r := range answer.Data.Result {
		s := promSeries{Metric: r.Metric}
		if from.IsZero() {
			r.Values = [][2]any{r.Value}
		}
		for _, value := range r.Values {
			text, isText := value[1].(string)
			require.True(t, isText, "%s", body)
			number, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			s.values = append(s.values, number)
		}
		all = append(all, s)
	}
	return all
}

// by are the values of an instant, by one label.
func (p *prometheusServer) by(t *testing.T, expression, label string, at time.Time) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, s := range p.ask(t, expression, time.Time{}, at) {
		values[s.Metric[label]] = s.values[len(s.values)-1]
	}
	return values
}
