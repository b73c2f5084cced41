package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// A webhook gets each ping that was answered; of slow ones, the first is told, and not another one too soon.
func TestPerftestWebhookAndAlerts(t *testing.T) {
	t.Parallel()
	var posted []pingTimes
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got pingTimes
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&got))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		if posted = append(posted, got); len(posted) > 2 {
			w.WriteHeader(http.StatusInsufficientStorage)
		}
	}))
	defer hook.Close()
	var stdout, stderr bytes.Buffer
	s := newResults(&Process{Stdout: &stdout, Stderr: &stderr}, &perftestFlags{json: true, webhook: hook.URL, alert: 100, alertInterval: 300})
	s.client = hook.Client()
	begun := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for _, r := range []ping.Result{
		{Start: begun, URL: "http://web/", Total: 99 * time.Millisecond, Status: http.StatusOK},
		{Start: begun.Add(time.Second), URL: "http://web/", Total: 150 * time.Millisecond, Status: http.StatusOK},
		{Start: begun.Add(2 * time.Second), URL: "http://web/", Total: 160 * time.Millisecond, Status: http.StatusOK}, // the webhook has had enough
		{Start: begun.Add(3 * time.Second), URL: "http://web/", Total: time.Hour, Class: class.Refused},               // which is no slow answer
		{Start: begun.Add(301 * time.Second), URL: "http://web/", Total: 170 * time.Millisecond, Status: http.StatusOK},
	} {
		s.tell(t.Context(), &r)
	}
	s.close()
	require.Len(t, posted, 4)
	assert.Equal(t, pingTimes{Start: begun, DestUrl: "http://web/", Total: 99 * time.Millisecond, Remote: "-", RespCode: http.StatusOK}, posted[0])
	full := "-W: " + hook.URL + " answers 507 Insufficient Storage; the ping is lost there\n"
	assert.Equal(t, "RespTime 150ms on http://web/ exceeds 100ms\n"+full+full+"RespTime 170ms on http://web/ exceeds 100ms\n", stderr.String())
	assert.Equal(t, 5, strings.Count(stdout.String(), `"DestUrl": "http://web/"`))
}

// -p serves the memory's statistics while pings run, and no longer.
func TestPerftestStatistics(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::]:0") //nolint:noctx // as the flag has it
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	end, err := (&perftestFlags{stats: port}).serveStats()
	require.NoError(t, err)
	url := fmt.Sprintf("http://127.0.0.1:%d/memstats", port)
	response, err := http.Get(url) //nolint:noctx // our own
	require.NoError(t, err)
	defer response.Body.Close()
	var memory struct{ SystemMB float64 }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&memory))
	assert.Positive(t, memory.SystemMB)
	end()
	again, err := http.Get(url) //nolint:noctx // our own
	if err == nil {
		assert.NoError(t, again.Body.Close())
	}
	assert.Error(t, err)
}
