//go:build linux

package e2e

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// otlpReceiver takes metrics as an OpenTelemetry collector does, over HTTP. k6 sends totals since the start, so it keeps the last of each series.
type otlpReceiver struct {
	address string

	mu     sync.Mutex
	series map[string]otlpPoint // by metric and attributes
	wrong  []error
}

type otlpPoint struct {
	metric     string
	attributes map[string]string
	value      float64 // of a counter or gauge
	count      uint64  // of a histogram
}

func startOTLP(t testing.TB) *otlpReceiver {
	t.Helper()
	r := &otlpReceiver{series: map[string]otlpPoint{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.address = strings.TrimPrefix(s.URL, "http://")
	return r
}

// wrapper is what k6's command begins with, so that its output opentelemetry writes here.
func (r *otlpReceiver) wrapper() []string {
	return []string{
		"env", "K6_OTEL_EXPORTER_PROTOCOL=http/protobuf", "K6_OTEL_HTTP_EXPORTER_ENDPOINT=" + r.address, "K6_OTEL_HTTP_EXPORTER_INSECURE=true",
	}
}

// ServeHTTP implements http.Handler.
func (r *otlpReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	request := &collector.ExportMetricsServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, request)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.wrong = append(r.wrong, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				r.keep(m)
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (r *otlpReceiver) keep(m *metricspb.Metric) {
	for _, p := range slices.Concat(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()) {
		value := p.GetAsDouble()
		if _, isWhole := p.GetValue().(*metricspb.NumberDataPoint_AsInt); isWhole {
			value = float64(p.GetAsInt())
		}
		r.put(otlpPoint{m.GetName(), attributes(p.GetAttributes()), value, 0})
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		r.put(otlpPoint{m.GetName(), attributes(p.GetAttributes()), p.GetSum(), p.GetCount()})
	}
}

func (r *otlpReceiver) put(p otlpPoint) {
	key := p.metric
	for _, name := range slices.Sorted(maps.Keys(p.attributes)) {
		key += "|" + name + "=" + p.attributes[name]
	}
	r.series[key] = p
}

func attributes(list []*common.KeyValue) map[string]string {
	all := make(map[string]string, len(list))
	for _, kv := range list {
		all[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	return all
}

// by adds up a metric's values, or counts those of a histogram, by one attribute.
func (r *otlpReceiver) by(t *testing.T, metric, tag string) map[string]float64 {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.wrong)
	sums := map[string]float64{}
	for _, p := range r.series {
		if p.metric != metric {
			continue
		}
		if p.count > 0 {
			p.value = float64(p.count)
		}
		sums[p.attributes[tag]] += p.value
	}
	return sums
}
