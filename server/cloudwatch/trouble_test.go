package cloudwatch_test

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/cloudwatch"
)

// notes is a log that can be read while it is written.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (n *notes) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(line)
}

func (n *notes) await(t *testing.T, part string) string {
	t.Helper()
	require.Eventually(t, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return strings.Contains(n.text.String(), part)
	}, time.Minute, time.Millisecond, part)
	return n.text.String()
}

// Whoever reads the log learns what was tried, where, why it failed, and what to check.
func TestTroubleIsExplained(t *testing.T) {
	var release chan struct{}
	for _, test := range []struct {
		name     string
		endpoint string // "" is one that answers
		timeout  time.Duration
		answer   func(http.ResponseWriter)
		says     []string
	}{
		{"refused", "http://127.0.0.1:1", 0, nil, []string{"level=WARN", "can't be reached", "firewalls", "endpoint=http://127.0.0.1:1", "connection refused"}},
		{"unknown name", "http://monitoring.invalid", 0, nil, []string{"level=WARN", "host name is unknown", "AWS_REGION", "endpoint=http://monitoring.invalid"}},
		{"silent", "", 200 * time.Millisecond, func(http.ResponseWriter) { <-release }, []string{"level=WARN", "can't be reached", "HTTPS_PROXY"}},
		{"busy", "", 0, func(w http.ResponseWriter) { fail(w, 503, "ServiceUnavailable") }, []string{"level=WARN", "answers with status 503", "quota"}},
		{"throttles", "", 0, func(w http.ResponseWriter) { fail(w, 400, "ThrottlingException") }, []string{"level=WARN", "answers with status 400", "-ping-delay"}},
		{"forbids", "", 0, func(w http.ResponseWriter) { fail(w, 403, "AccessDeniedException") }, []string{"level=ERROR", "cloudwatch:PutMetricData", "clock"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			release = make(chan struct{})
			startEndpoint(t, test.answer)
			t.Cleanup(func() { close(release) })
			if test.endpoint != "" {
				t.Setenv("AWS_ENDPOINT_URL", test.endpoint)
			}
			log := &notes{}
			p := start(t, cloudwatch.Options{Interval: never, Timeout: test.timeout, Log: slog.New(slog.NewTextHandler(log, nil))})
			publish(p, 0, cloudwatch.MaxBatch) // goes out at once
			text := log.await(t, test.says[0])
			for _, part := range append(test.says, "region="+region, "endpoint=http://", "error=") {
				assert.Contains(t, text, part)
			}
			if test.timeout == 0 {
				p.Close(t.Context())
			}
		})
	}
}

// Where samples go is told at the start, or why they can't go anywhere.
func TestPlaceIsTold(t *testing.T) {
	for _, test := range []struct{ name, variable, value, want string }{
		{"the region's", "AWS_REGION", "eu-west-3", "region=eu-west-3 endpoint=https://monitoring.eu-west-3.amazonaws.com"},
		{"one's own", "AWS_ENDPOINT_URL", "https://vpce.example:8443", "endpoint=https://vpce.example:8443"},
		{"FIPS", "AWS_USE_FIPS_ENDPOINT", "true", "endpoint=https://monitoring-fips." + region + ".amazonaws.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			log := &notes{}
			start(t, cloudwatch.Options{Interval: never, Log: slog.New(slog.NewTextHandler(log, nil))})
			assert.Contains(t, log.await(t, "CloudWatch on"), test.want)
		})
	}
	t.Setenv("AWS_ENDPOINT_URL", "vpce.example:8443")
	_, err := cloudwatch.New(t.Context(), cloudwatch.Options{})
	assert.ErrorContains(t, err, `AWS endpoint for region "`+region+`"`)
	assert.ErrorContains(t, err, "check AWS_REGION, and AWS_ENDPOINT_URL")
}
