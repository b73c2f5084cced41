package rules

import (
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// longName is how long a name is that nobody gives to a host twice over.
const longName = 4

// repeats returns how often a name is that of a host, one after the other. A name that is expected is one.
func repeats(name string, expected map[string]float64, known func(string) bool) (times int) {
	if _, isName := expected[name]; isName || name == "" {
		return 1
	}
	least := name[:1+strings.Index((name + name)[1:], name)] // that the name consists of
	if len(least) >= longName || known(least) {
		return len(name) / len(least)
	}
	return 1
}

// HalfOf returns the name that another consists of twice over, "" if it does not.
func HalfOf(name string) string {
	half := name[:len(name)/2]
	if half+half != name {
		return ""
	}
	return half
}

// misplaced is a fault if what a peer says by itself shows that something has put data of its own before ours, such as a header of the PROXY
// protocol: it comes back, or the peer has answered it, too.
func misplaced(greeting []byte, expected map[string]float64, known func(string) bool) engine.Fault {
	if reply.IsProxyHeader(greeting) {
		return wrong(engine.ReasonProxyHeader, greeting)
	}
	if name, ok := reply.Parse(greeting); ok && repeats(string(name), expected, known) > 1 {
		return engine.Fault{Class: class.BadReply, Err: engine.ReasonTwice}
	}
	return engine.Fault{}
}
