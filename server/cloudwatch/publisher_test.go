package cloudwatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/cloudwatch"
)

// never is an interval that no test waits for.
const never = time.Hour

func start(t *testing.T, options cloudwatch.Options) *cloudwatch.Publisher {
	t.Helper()
	p, err := cloudwatch.New(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { closeNow(p) })
	return p
}

// closeNow gives the publisher no time.
func closeNow(p *cloudwatch.Publisher) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Close(ctx)
}

// publish publishes numbered samples.
func publish(p *cloudwatch.Publisher, from, to int) {
	for n := from; n < to; n++ {
		p.Publish(cloudwatch.Sample{Time: time.Now(), From: "a", To: "b", Status: 200, Connect: time.Duration(n) * time.Millisecond})
	}
}

// numbers are those of the first and the last sample of a call.
func numbers(c call) (first, last int) {
	return int(c.data[0].value), int(c.data[len(c.data)-1].value)
}

func awaitStats(t *testing.T, p *cloudwatch.Publisher, reached func(cloudwatch.Stats) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return reached(p.Stats()) }, time.Minute, time.Millisecond)
}

// Each ping is published as pingmesh does it.
func TestDatum(t *testing.T) {
	e := startEndpoint(t, nil)
	at := time.UnixMilli(1564408108123)
	for _, test := range []struct {
		name   string
		sample cloudwatch.Sample
		want   datum
	}{
		{"an answer", cloudwatch.Sample{From: "Bremen", To: "Hamburg, DE", Status: 200, Connect: 1608 * time.Microsecond}, datum{value: 1.608, from: "Bremen", to: "Hamburg, DE", code: "200"}},
		{"no answer", cloudwatch.Sample{From: "Bremen", To: "Hamburg"}, datum{from: "Bremen", to: "Hamburg", code: "500"}},
		{"a location that CloudWatch refuses", cloudwatch.Sample{From: ": \x1bMünchen\t", To: " ", Status: 99}, datum{from: "?M?nchen?", to: "(unknown)", code: "099"}},
		{"a long location", cloudwatch.Sample{From: strings.Repeat("x", 2000), To: "y", Status: 304}, datum{from: strings.Repeat("x", 1024), to: "y", code: "304"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, cloudwatch.Options{Interval: never})
			test.sample.Time = at
			p.Publish(test.sample)
			p.Close(t.Context())
			test.want.time, test.want.metric, test.want.unit, test.want.numberOfDimensions = at, "TCP RTT", "Milliseconds", 3
			assert.Equal(t, call{namespace: "pingmesh", data: []datum{test.want}}, e.await())
			assert.Equal(t, cloudwatch.Stats{Published: 1}, p.Stats())
		})
	}
}

// Batches go out when they are full, at the interval, and at the end; large ones are compressed.
func TestBatches(t *testing.T) {
	e := startEndpoint(t, nil)
	p := start(t, cloudwatch.Options{Interval: never})
	publish(p, 0, 1000)
	c := e.await()
	assert.Len(t, c.data, 1000)
	assert.True(t, c.gzipped)
	publish(p, 1000, 1999)
	p.Close(t.Context())
	c = e.await()
	first, last := numbers(c)
	assert.Equal(t, []int{1000, 1998}, []int{first, last}, "in order")
	assert.Empty(t, e.calls)
	assert.Equal(t, cloudwatch.Stats{Published: 1999}, p.Stats())

	p = start(t, cloudwatch.Options{Interval: time.Millisecond})
	publish(p, 0, 1)
	assert.Len(t, e.await().data, 1, "at the interval")
}

// Whatever AWS has against a call that may pass, its samples go out later, and in order.
func TestSamplesWaitWhileAWSFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
	}{
		{"internal error", func(w http.ResponseWriter) { fail(w, 500, "InternalServiceFault") }},
		{"unavailable", func(w http.ResponseWriter) { fail(w, 503, "ServiceUnavailable") }},
		{"throttling", func(w http.ResponseWriter) { fail(w, 400, "ThrottlingException") }},
		{"hangs up", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int64
			e := startEndpoint(t, func(w http.ResponseWriter) {
				if calls.Add(1) <= 3 {
					test.answer(w)
				}
			})
			p := start(t, cloudwatch.Options{Interval: time.Millisecond})
			publish(p, 0, 5)
			awaitStats(t, p, func(s cloudwatch.Stats) bool { return s.Published == 5 })
			assert.Equal(t, cloudwatch.Stats{Published: 5}, p.Stats())
			assert.GreaterOrEqual(t, len(e.calls), 4)
		})
	}
}

// The SDK's own retries answer throttling within one call.
func TestThrottlingIsRetried(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "3")
	var calls atomic.Int64
	startEndpoint(t, func(w http.ResponseWriter) {
		if calls.Add(1) == 1 {
			fail(w, 400, "ThrottlingException")
		}
	})
	p := start(t, cloudwatch.Options{Interval: never})
	publish(p, 0, 5)
	p.Close(t.Context())
	assert.Equal(t, cloudwatch.Stats{Published: 5}, p.Stats())
	assert.EqualValues(t, 2, calls.Load())
}

// What AWS refuses would be refused again: it is counted, and later samples are not held up.
func TestRefusedSamplesAreCounted(t *testing.T) {
	var calls atomic.Int64
	startEndpoint(t, func(w http.ResponseWriter) {
		if calls.Add(1) == 1 {
			fail(w, 403, "AccessDeniedException")
		}
	})
	p := start(t, cloudwatch.Options{Interval: never})
	publish(p, 0, 1000)
	awaitStats(t, p, func(s cloudwatch.Stats) bool { return s.Failed == 1000 })
	publish(p, 0, 7)
	p.Close(t.Context())
	assert.Equal(t, cloudwatch.Stats{Published: 7, Failed: 1000}, p.Stats())
}

// While AWS is silent, publishing goes on, and the oldest samples make room for the newest.
func TestOldestAreDroppedWhileAWSStalls(t *testing.T) {
	const most, batch, more = 1500, 1000, 5000
	release := make(chan struct{})
	e := startEndpoint(t, func(http.ResponseWriter) { <-release })
	p := start(t, cloudwatch.Options{Interval: never, Queue: most, Timeout: time.Minute})
	publish(p, 0, batch)
	e.await() // it has the first batch now, and does not answer
	publish(p, batch, batch+more)
	assert.Equal(t, cloudwatch.Stats{Dropped: more - most}, p.Stats())
	close(release)
	p.Close(t.Context())
	assert.Equal(t, cloudwatch.Stats{Published: batch + most, Dropped: more - most}, p.Stats())
	first, _ := numbers(e.await())
	_, last := numbers(e.await())
	assert.Equal(t, []int{batch + more - most, batch + more - 1}, []int{first, last}, "the newest")
}

// A call that takes too long is given up; its samples are the oldest when they come back.
func TestStalledCallsTimeOut(t *testing.T) {
	release := make(chan struct{})
	var calls atomic.Int64
	startEndpoint(t, func(http.ResponseWriter) {
		if calls.Add(1) == 1 {
			<-release
		}
	})
	defer close(release)
	p := start(t, cloudwatch.Options{Interval: time.Millisecond, Timeout: 100 * time.Millisecond})
	publish(p, 0, 5)
	awaitStats(t, p, func(s cloudwatch.Stats) bool { return s.Published == 5 })
	assert.Equal(t, cloudwatch.Stats{Published: 5}, p.Stats())
}

// Close does not wait longer than it is allowed to, and loses count of nothing.
func TestCloseWhileAWSStalls(t *testing.T) {
	release := make(chan struct{})
	e := startEndpoint(t, func(http.ResponseWriter) { <-release })
	defer close(release)
	log := &notes{}
	p := start(t, cloudwatch.Options{Interval: never, Log: slog.New(slog.NewTextHandler(log, nil))})
	publish(p, 0, 1005)
	e.await()
	closeNow(p)
	log.await(t, "The server ends before CloudWatch has taken all samples")
	assert.Equal(t, cloudwatch.Stats{Dropped: 1005}, p.Stats())
	publish(p, 0, 1)
	assert.Equal(t, cloudwatch.Stats{Dropped: 1006}, p.Stats(), "a closed publisher drops")
	p.Close(t.Context())
}

// Peers that invent names don't make any number of metrics, for each of which AWS charges.
func TestPlacesAreBounded(t *testing.T) {
	e := startEndpoint(t, nil)
	p := start(t, cloudwatch.Options{Interval: never})
	for n := range 2000 {
		p.Publish(cloudwatch.Sample{Time: time.Now(), From: "here", To: fmt.Sprint(n)})
	}
	p.Close(t.Context())
	names := map[string]bool{}
	for _, c := range []call{e.await(), e.await()} {
		for _, d := range c.data {
			names[d.to] = true
		}
	}
	assert.Len(t, names, 1000) // 999, as "here" is one, and "(other)"
	assert.True(t, names["(other)"])
}

// Names that are no longer used do not keep out those of sites that came later.
func TestUnusedPlacesMakeRoom(t *testing.T) {
	e := startEndpoint(t, nil)
	p := start(t, cloudwatch.Options{Interval: never})
	begun := time.Now().Add(-2 * time.Hour)
	for n := range 1100 {
		p.Publish(cloudwatch.Sample{Time: begun, From: "here", To: fmt.Sprint(n)})
	}
	for _, later := range []time.Duration{time.Minute, 2 * time.Hour} {
		p.Publish(cloudwatch.Sample{Time: begun.Add(later), From: "here", To: "late"})
	}
	p.Close(t.Context())
	e.await()
	data := e.await().data
	require.Len(t, data, 102)
	assert.Equal(t, "(other)", data[100].to, "soon after")
	assert.Equal(t, "late", data[101].to)
	assert.Equal(t, "here", data[101].from)
}

// What is missing is said at the start.
func TestNewChecksTheEnvironment(t *testing.T) {
	for missing, want := range map[string]string{
		"AWS_REGION":            "set AWS_REGION",
		"AWS_SECRET_ACCESS_KEY": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
	} {
		t.Run(missing, func(t *testing.T) {
			t.Setenv(missing, "")
			_, err := cloudwatch.New(t.Context(), cloudwatch.Options{})
			assert.ErrorContains(t, err, want)
		})
	}
}

func TestMetrics(t *testing.T) {
	startEndpoint(t, nil)
	p := start(t, cloudwatch.Options{Interval: never})
	publish(p, 0, 3)
	p.Close(t.Context())
	assert.NoError(t, testutil.CollectAndCompare(p, strings.NewReader(`
# HELP mconnect_server_cloudwatch_samples_total Pings for CloudWatch, by what became of them: published, dropped since it was slow, failed since it refused them.
# TYPE mconnect_server_cloudwatch_samples_total counter
mconnect_server_cloudwatch_samples_total{result="dropped"} 0
mconnect_server_cloudwatch_samples_total{result="failed"} 0
mconnect_server_cloudwatch_samples_total{result="published"} 3
`)))
}
