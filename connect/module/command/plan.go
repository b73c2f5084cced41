package command

import (
	"cmp"
	"crypto/tls"
	"math/rand/v2"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/live"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// plan resolves the targets of a call, asks the user where it had better, and returns the plan. atOnce is how many connections are open at the
// same time, at most.
func (s *session) plan(o *options.Call, atOnce int64) (connect.Plan, error) {
	plan := o.Plan
	begun := time.Now()
	plan.Targets = lookUp(s.ctx, o, o.LookUpLimit())
	if plan.Timeout > 0 {
		plan.Timeout = max(plan.Timeout-time.Since(begun), plan.Timeout/10)
	}
	if plan.Sources.Seed = rand.Uint64(); o.Seed != nil { // #nosec G404 -- picks test traffic, not secrets
		plan.Sources.Seed = *o.Seed
	}
	if plan.Protocol() == "tls" {
		plan.TLS = s.tlsConfig(o.ServerName)
	}
	s.warn(o.Need(atOnce))
	return plan, s.confirm(plan.Targets, max(o.Most, plan.Connections, 1))
}

func (s *session) tlsConfig(serverName string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName, InsecureSkipVerify: s.insecure} // #nosec G402 -- the user asks for it
}

// watch shows the plan while it runs.
func (s *session) watch(plan *connect.Plan, c live.Call) live.View {
	c.Title = s.title
	view := s.view(c, plan.Monitor)
	s.shown.Store(shown{view})
	plan.Observer, plan.Monitor = view, view.Every()
	return view
}

// about is what a call was asked to do.
func (s *session) about(o *options.Call) recording.About {
	return recording.About{Call: s.call, Network: cmp.Or(o.Plan.Network, "tcp"), Targets: o.Targets, Tags: o.Tags, Expect: o.Expect}
}

// warn says what this machine lacks for a call.
func (s *session) warn(need limits.Need) {
	for _, check := range limits.Preflight(need) {
		if !check.OK {
			s.gs.Logger.Warnf("this machine lacks something for %d connections at once: %s", need.Connections, check)
		}
	}
}
