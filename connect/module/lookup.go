package module

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// mostLookUps is how many names of a call are looked up at once: each takes sockets.
const mostLookUps = 64

// targetsOf resolves names: to one target each, or, unless all is nil, to one for each address.
func targetsOf(ctx context.Context, all *allAddresses, resolver lib.AddrResolver, names []string, limit time.Duration) ([]connect.Target, time.Duration) {
	if all != nil {
		return all.lookUp(ctx, resolver, names, limit)
	}
	return lookUp(ctx, resolver, names, limit)
}

// lookUp resolves the targets of a call that may take so long, all at the same time, and tells how long that took: 0 if there was
// nothing to look up. It leaves a tenth of the time to those that have resolved. k6's resolver knows no context, and can take long
// to give up, so it is left behind when the time is up, or the iteration ends.
func lookUp(ctx context.Context, resolver lib.AddrResolver, names []string, limit time.Duration) ([]connect.Target, time.Duration) {
	begun := time.Now()
	limited, cancel := limitLookUp(ctx, limit)
	defer cancel()
	targets := make([]connect.Target, len(names))
	awaited := map[int]<-chan connect.Target{}
	slots := make(chan struct{}, mostLookUps)
	for i, name := range names {
		if hasAddress(name) {
			targets[i] = resolve(resolver, name)
			continue
		}
		answer := make(chan connect.Target, 1)
		awaited[i] = answer
		go func() {
			select {
			case slots <- struct{}{}:
				answer <- resolve(resolver, name)
				<-slots
			case <-limited.Done():
			}
		}()
	}
	if len(awaited) == 0 {
		return targets, 0
	}
	for i, answer := range awaited {
		targets[i] = awaitTarget(ctx, limited, names[i], answer)
	}
	return targets, time.Since(begun)
}

// limitLookUp leaves a tenth of the time to what has resolved.
func limitLookUp(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	limit -= limit / 10
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("the name server gave no answer within %s; allow more with option timeout", limit))
}

// hasAddress reports whether a target needs no look-up.
func hasAddress(target string) bool {
	host, _, err := connect.SplitTarget(target)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil
}

// awaitTarget waits for an answer until the limited context is done, which the other one is if the iteration has ended.
func awaitTarget(iteration, limited context.Context, name string, answer <-chan connect.Target) connect.Target {
	select {
	case to := <-answer:
		return to
	case <-limited.Done():
	}
	select {
	case to := <-answer: // had come while another one was waited for
		return to
	default:
	}
	late := connect.Target{Name: name, Err: context.Cause(limited), Class: connect.ClassDNS}
	if iteration.Err() != nil {
		late.Class = connect.ClassAborted
	}
	return late
}

// left is what is left of a time limit after the look-up of names.
func left(limit, lookUp time.Duration) time.Duration { return max(limit-lookUp, limit/10) }
