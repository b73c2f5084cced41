//go:build linux

package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// With -cloudwatch, the pings of a mesh arrive at AWS, those before the end included, and are counted.
func TestMeshPublishesToCloudWatch(t *testing.T) {
	requests := make(chan string, 1000)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Contains(t, r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		requests <- r.URL.Path + " " + string(body)
	}))
	t.Cleanup(aws.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": aws.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_DISABLE_REQUEST_COMPRESSION": "true", "MCONNECT_CLOUDWATCH": "true",
	} {
		t.Setenv(name, value)
	}
	hamburg := startHTTP(t, "Hamburg")
	s := startSite(t, "Bremen", freePort(t), t.TempDir()+"/state", "-peer", "http://"+hamburg+"/v1/ping", "-ping-delay", "100ms")
	assert.Contains(t, metricsOf(t, nil, s.address), "\nmconnect_server_cloudwatch_samples_total{result=\"published\"} ")
	require.Eventually(t, func() bool { return s.peers(t)["Hamburg"].Pings >= 2 }, time.Minute, 10*time.Millisecond)
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 0, s.wait(t))
	assert.Contains(t, s.awaitLine(t, `"CloudWatch ended"`), `"dropped":0,"failed":0`)
	request := <-requests
	for _, part := range []string{"/operation/PutMetricData ", "pingmesh", "TCP RTT", "Milliseconds", "Hamburg", "Bremen", "TestUrl", "HTTP Resp Code", "200", "FromLocation"} {
		assert.Contains(t, request, part)
	}
}

// What pingmesh's users look at is the status: an answer that stops half-way must not be told as a 200.
func TestCloudWatchIsToldOfAnswersThatStop(t *testing.T) {
	requests := make(chan string, 1000)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		requests <- string(body)
	}))
	t.Cleanup(aws.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": aws.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_DISABLE_REQUEST_COMPRESSION": "true",
	} {
		t.Setenv(name, value)
	}
	stops := startPeer(t, nil, says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nServed from Hamburg\n"))
	s := startSite(t, "Bremen", freePort(t), t.TempDir()+"/state", "-cloudwatch", "-peer", "http://"+stops.address+"/v1/ping#Hamburg", "-ping-timeout", "200ms")
	assert.Contains(t, s.awaitLine(t, `"CloudWatch on"`), `"region":"eu-central-1","endpoint":"`+aws.URL+`"`)
	require.Eventually(t, func() bool { return s.peers(t)["Hamburg"].Fails >= 1 }, time.Minute, 10*time.Millisecond)
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 0, s.wait(t))
	request := <-requests
	assert.Contains(t, request, "Hamburg")
	assert.Contains(t, request, "\x63500", "CBOR: a text of three bytes")
	assert.NotContains(t, request, "\x63200")
}

// Without a region there is no server that publishes nothing.
func TestCloudWatchNeedsARegion(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	p := start(t, nil, serverPath, "-address", "127.0.0.1:0", "-http", "127.0.0.1:0", "-cloudwatch")
	assert.Equal(t, 1, p.wait(t))
	assert.Contains(t, p.stderr.String(), "-cloudwatch: AWS region: none is set; set AWS_REGION")
}
