package rules

import (
	"bytes"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// longName is from which length on nobody names a host by the same name twice over.
const longName = 4

// repeats returns how often the real name of a host is in a name: "web-1web-1" is web-1, twice. An expected name is a real one. A text that comes
// twice is no evidence by itself, since many services send words. It is evidence if a host of that name is expected, if one has answered on another
// connection, or if the text looks like the name of a machine.
func repeats(name string, expected map[string]float64, known func(string) bool) (times int) {
	if _, isName := expected[name]; isName || name == "" {
		return 1
	}
	least := leastOf(name)
	if _, isHost := expected[least]; isHost || known(least) || looksLikeMachine(least) {
		return len(name) / len(least)
	}
	return 1
}

// leastOf is the shortest text that a name consists of, once or several times.
func leastOf(name string) string { return name[:1+strings.Index((name + name)[1:], name)] }

// looksLikeMachine reports whether a text is more likely the name of one of several machines than a word. Such a name has letters, and something
// else: digits, or dots and hyphens between them.
func looksLikeMachine(name string) bool {
	isLetter := func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	isPart := func(r rune) bool { return isLetter(r) || '0' <= r && r <= '9' }
	isOther := func(r rune) bool { return !isPart(r) && r != '-' && r != '.' }
	return len(name) >= longName && strings.Trim(name, "-.") == name && strings.ContainsFunc(name, isLetter) &&
		!strings.ContainsFunc(name, isOther) && strings.ContainsFunc(name, func(r rune) bool { return !isLetter(r) })
}

// HalfOf returns the name that another consists of twice over, "" if it does not.
func HalfOf(name string) string {
	half := name[:len(name)/2]
	if half+half != name {
		return ""
	}
	return half
}

// tellings returns how often an answer tells a host's name with the client's address behind it, 0 if it does not. Other than a name alone, nobody
// sends this twice.
func tellings(answer []byte) (times int) {
	end := bytes.IndexByte(answer, reply.Separator)
	if end <= 0 {
		return 0
	}
	name := answer[:end+1]
	for bytes.HasPrefix(answer, name) {
		next := bytes.Index(answer[len(name):], name)
		one := answer
		if next >= 0 {
			one = answer[:len(name)+next]
		}
		if _, ok := reply.Source(one); !ok {
			break
		}
		times++
		answer = answer[len(one):]
	}
	return times
}

// misplaced returns a fault if a greeting shows that something on the way sends data of its own before ours, such as a header of the PROXY
// protocol. The peer has sent that data back, or has answered it.
func misplaced(greeting []byte, expected map[string]float64, known func(string) bool) engine.Fault {
	if reply.IsProxyHeader(greeting) {
		return wrong(engine.ReasonProxyHeader, greeting)
	}
	if tellings(greeting) > 1 {
		return engine.Fault{Class: class.BadReply, Err: engine.ReasonTwice}
	}
	if name, ok := reply.Parse(greeting); ok && repeats(string(name), expected, known) > 1 {
		return engine.Fault{Class: class.BadReply, Err: engine.ReasonTwice}
	}
	return engine.Fault{}
}
