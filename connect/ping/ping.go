// Package ping times one HTTP or HTTPS request on a connection of its own, phase by phase, as perftest and pingmesh do: name
// resolution, TCP connect, TLS handshake, first and last byte of the answer.
package ping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// Do makes one ping. What becomes of it, good or bad, is in the result; an error says that the plan is wrong and nothing was
// sent. It returns when the answer has been read, has failed, or ctx or the plan's timeout has ended.
func Do(ctx context.Context, plan Plan) (*Result, error) {
	p := &plan
	request, err := p.request()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, p.timeout(), fmt.Errorf("time is up after %s", p.timeout()))
	defer cancel()
	deadline, _ := limited.Deadline()
	clock := &timeline{}
	transport := p.transport(&dialer{plan: p, secure: request.URL.Scheme == "https", clock: clock, deadline: deadline})
	defer transport.CloseIdleConnections()

	r := &Result{Start: time.Now(), URL: request.URL.Redacted(), From: p.From}
	clock.begin()
	err = exchange(transport, request.WithContext(httptrace.WithClientTrace(limited, clock.trace())), r, clock)
	unfinished := clock.finish(r)
	if err != nil {
		r.fail(ctx, limited, unfinished, err)
	}
	return r, nil
}

// exchange sends the request and reads the whole answer.
func exchange(transport *http.Transport, request *http.Request, r *Result, clock *timeline) error {
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	r.Status, r.Header = response.StatusCode, response.Header
	body := &body{}
	r.Size, err = io.Copy(body, io.LimitReader(response.Body, MaxBody+1))
	r.Location = findLocation(body.head)
	switch {
	case err != nil:
		return err
	case r.Size > MaxBody:
		return errTooLarge
	}
	clock.end(PhaseLastByte)
	return nil
}

var errTooLarge = errors.New("the body has more than 64 MiB; ping a smaller page")

// body keeps the beginning of an answer and lets the rest go.
type body struct{ head []byte }

// Write implements io.Writer.
func (b *body) Write(data []byte) (int, error) {
	b.head = append(b.head, data[:min(len(data), locationWithin-len(b.head))]...)
	return len(data), nil
}
