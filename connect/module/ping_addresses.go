package module

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// maxPings bounds how many addresses of a name are pinged at the same time.
const maxPings = 64

// eachAddress does something with each address of a name, at the same time, and returns what came of each, in the order of the addresses.
func eachAddress[R any](targets []connect.Target, do func(t connect.Target) R) []R {
	results := make([]R, len(targets))
	turns := make(chan struct{}, maxPings)
	var all sync.WaitGroup
	for i := range targets {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			results[i] = do(targets[i])
		})
	}
	all.Wait()
	return results
}

// worstOf returns the first failed one of several, else the first.
func worstOf[R any](results []R, failed func(R) bool) R {
	if i := slices.IndexFunc(results, failed); i >= 0 {
		return results[i]
	}
	return results[0]
}

// countUnless counts the results of which something is not true.
func countUnless[R any](results []R, bad func(R) bool) (n int64) {
	for _, r := range results {
		if !bad(r) {
			n++
		}
	}
	return n
}

// maxTroubles is how many failed addresses a text tells.
const maxTroubles = 4

// troubles says why addresses of a name have failed.
func troubles[R any](results []R, failed func(R) bool, why func(R) string) string {
	var texts []string
	n := 0
	for _, r := range results {
		if !failed(r) {
			continue
		}
		if n++; n <= maxTroubles {
			texts = append(texts, why(r))
		}
	}
	text := strings.Join(texts, "; ")
	if len(results) > 1 {
		text = fmt.Sprintf("%d of %d addresses failed: %s", n, len(results), text)
	}
	if more := n - maxTroubles; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// ofAddress are the tags of a ping of one of several addresses.
func (e *emitter) ofAddress(t connect.Target, all bool) *emitter {
	if !all || !t.Addr.IsValid() {
		return e
	}
	of := *e
	of.base.Tags = e.base.Tags.With("ip", t.Addr.Addr().String())
	return &of
}

// pingedAt names an address that has failed, unless the message has it.
func pingedAt(address, message string) string {
	if address == "" || strings.Contains(message, address) {
		return message
	}
	return address + ": " + message
}
