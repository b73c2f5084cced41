package module

import (
	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// preflightResult is what preflight() returns.
type preflightResult struct {
	OK     bool           `json:"ok"`
	Checks []limits.Check `json:"checks"`
}

// preflight is preflight(options) of the JS API. It needs neither network nor VU.
func (i *instance) preflight(opts sobek.Value) (sobek.Value, error) {
	need, err := options.ParsePreflight(i.exported(opts))
	if err != nil {
		i.throw("preflight", err)
	}
	r := preflightResult{OK: true, Checks: limits.Preflight(need)}
	for _, c := range r.Checks {
		r.OK = r.OK && c.OK
	}
	return i.plain(r)
}

// warn logs, once in the process, what this machine lacks for a call that has so many connections open at once.
func (c *call) warn(atOnce int64) {
	need := c.options.Need(atOnce)
	for _, check := range limits.Preflight(need) {
		if !check.OK && c.sampler.root.notices.first("preflight: "+check.Name) {
			c.sampler.logger.Warnf("mconnect: this machine lacks something for %d connections at once: %s", need.Connections, check)
		}
	}
}
