package module

import (
	"strconv"
	"strings"
	"sync"
)

// maxHostTags bounds the time series of mconnect_replies.
const maxHostTags = 1000

// otherHosts stands for all names beyond a limit.
const otherHosts = "(other)"

// hostLimit lets the first maxHostTags host names become tags; all others share one.
type hostLimit struct {
	mu    sync.Mutex
	known map[string]bool
}

// tag is the value of the tag that stands for a host. In InfluxDB's line protocol no value can end with a backslash: such a name is quoted.
func (l *hostLimit) tag(host string) string {
	if strings.HasSuffix(host, `\`) {
		host = strconv.Quote(host)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[host] {
		return host
	}
	if len(l.known) >= maxHostTags {
		return otherHosts
	}
	if l.known == nil {
		l.known = map[string]bool{}
	}
	l.known[host] = true
	return host
}
