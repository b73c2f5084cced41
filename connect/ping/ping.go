// Package ping times one HTTP or HTTPS request on a connection of its own, phase by phase, as perftest and pingmesh do: name
// resolution, TCP connect, TLS handshake, first and last byte of the answer.
package ping

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// Do makes one ping. What becomes of it, good or bad, is in the result; an error says that the plan is wrong and nothing was
// sent. It returns when the answer has been read, has failed, or ctx or the plan's timeout has ended.
func Do(ctx context.Context, plan Plan) (*Result, error) {
	p := &plan
	request, err := p.request()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, p.timeout(), timeUp(p.timeout()))
	defer cancel()
	r := &Result{Start: time.Now(), URL: request.URL.Redacted(), From: p.From}
	clock := &timeline{}
	clock.begin()
	err = p.run(limited, request, r, clock)
	unfinished := clock.finish(r)
	if err != nil {
		r.fail(ctx, limited, unfinished, because(limited, err))
	}
	return r, nil
}

// run makes the connection, and on it the exchange.
func (p *Plan) run(ctx context.Context, request *http.Request, r *Result, clock *timeline) error {
	conn, err := (&dialer{p, request.URL, clock}).dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A deadline that has passed ends whatever the connection waits for.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return exchange(conn, request, r, clock)
}

// because tells why a context has ended, in place of what its end did to a call.
func because(ctx context.Context, err error) error {
	if of := class.Of(err); ctx.Err() != nil && (of == class.Timeout || of == class.Aborted) {
		return context.Cause(ctx)
	}
	return err
}

// timeUp is why a ping was cut short.
type timeUp time.Duration

// Error implements error.
func (t timeUp) Error() string { return fmt.Sprintf("time is up after %s", time.Duration(t)) }
