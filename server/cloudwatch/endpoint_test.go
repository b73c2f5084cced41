package cloudwatch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What TestMain puts into the environment.
const (
	region    = "eu-central-1"
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI"
)

// datum is one of a PutMetricData request.
type datum struct {
	metric, unit       string
	value              float64
	time               time.Time
	to, code, from     string
	numberOfDimensions int
}

// call is one PutMetricData request.
type call struct {
	namespace string
	data      []datum
	gzipped   bool
}

// endpoint speaks CloudWatch's protocol, Smithy RPC v2 CBOR, as far as PutMetricData goes.
type endpoint struct {
	t      *testing.T
	calls  chan call
	answer func(http.ResponseWriter) // nil answers that all is well
}

// startEndpoint starts an endpoint that publishers find in the environment.
func startEndpoint(t *testing.T, answer func(http.ResponseWriter)) *endpoint {
	t.Helper()
	e := &endpoint{t: t, calls: make(chan call, 10_000), answer: answer}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	return e
}

// ServeHTTP implements http.Handler.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if !assert.NoError(e.t, err) {
		return
	}
	assert.Equal(e.t, "POST", r.Method)
	assert.Equal(e.t, "/service/GraniteServiceVersion20100801/operation/PutMetricData", r.URL.Path)
	assert.Equal(e.t, "rpc-v2-cbor", r.Header.Get("Smithy-Protocol"))
	assert.Equal(e.t, signature(e.t, r, body), r.Header.Get("Authorization"), "the request's signature")
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	c, err := decode(r.Header.Get("Content-Encoding"), body)
	assert.NoError(e.t, err)
	e.calls <- c
	if e.answer != nil {
		e.answer(w)
	}
}

// await returns the next request.
func (e *endpoint) await() call {
	e.t.Helper()
	select {
	case c := <-e.calls:
		return c
	case <-time.After(time.Minute):
		require.Fail(e.t, "no request came")
		return call{}
	}
}

// fail answers with an error of AWS.
func fail(w http.ResponseWriter, status int, kind string) {
	w.WriteHeader(status)
	_, _ = w.Write(cbor.Encode(cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + kind), "message": cbor.String("no")}))
}

// signature is what the request must be signed with (Signature Version 4).
func signature(t *testing.T, r *http.Request, body []byte) string {
	const list, until = "SignedHeaders=", ", Signature="
	_, names, _ := strings.Cut(r.Header.Get("Authorization"), list)
	names, _, _ = strings.Cut(names, until)
	same, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.Path, bytes.NewReader(body))
	assert.NoError(t, err)
	for name := range strings.SplitSeq(names, ";") {
		if values := r.Header.Values(name); len(values) > 0 && name != "content-length" {
			same.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	assert.NoError(t, err)
	assert.WithinDuration(t, time.Now(), at, 10*time.Minute)
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	err = v4.NewSigner().SignHTTP(context.Background(), credentials, same, hex.EncodeToString(hash[:]), "monitoring", region, at)
	assert.NoError(t, err)
	return same.Header.Get("Authorization")
}

func decode(encoding string, body []byte) (c call, err error) {
	if encoding == "gzip" {
		c.gzipped = true
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return c, err
		}
		if body, err = io.ReadAll(reader); err != nil {
			return c, err
		}
	}
	value, err := cbor.Decode(body)
	if err != nil {
		return c, err
	}
	defer func() { // a type that is not expected
		if wrong := recover(); wrong != nil {
			err = errors.Join(err, fmt.Errorf("%v in %v", wrong, value))
		}
	}()
	request := value.(cbor.Map)
	c.namespace = string(request["Namespace"].(cbor.String))
	for _, item := range request["MetricData"].(cbor.List) {
		c.data = append(c.data, toDatum(item.(cbor.Map)))
	}
	return c, nil
}

func toDatum(m cbor.Map) datum {
	d := datum{
		metric: string(m["MetricName"].(cbor.String)),
		unit:   string(m["Unit"].(cbor.String)),
		value:  float64(m["Value"].(cbor.Float64)),
		time:   time.UnixMilli(int64(float64(m["Timestamp"].(*cbor.Tag).Value.(cbor.Float64)) * 1000)),
	}
	for _, item := range m["Dimensions"].(cbor.List) {
		dimension := item.(cbor.Map)
		value := string(dimension["Value"].(cbor.String))
		switch string(dimension["Name"].(cbor.String)) {
		case "TestUrl":
			d.to = value
		case "HTTP Resp Code":
			d.code = value
		case "FromLocation":
			d.from = value
		}
		d.numberOfDimensions++
	}
	return d
}
