package options

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Hold is what a script asks of hold().
type Hold struct {
	Call
	Duration         time.Duration // 0 is until close()
	Keepalive        time.Duration // 0 is none
	KeepaliveTimeout time.Duration // 0 is Keepalive
}

// ParseHold checks the arguments of hold().
func ParseHold(target, options any) (*Hold, error) {
	h := &Hold{}
	if err := h.parse(target, options, h.table(), h.settle); err != nil {
		return nil, fmt.Errorf("hold(): %w", err)
	}
	h.Limit = h.With(h.Plan).TimeLimit()
	return h, nil
}

// With is the plan of the call, whose part that all calls have is p.
func (h *Hold) With(p connect.Plan) connect.HoldPlan {
	return connect.HoldPlan{
		Plan: p, Duration: h.Duration, Keepalive: h.Keepalive, KeepaliveTimeout: h.KeepaliveTimeout, Hosts: h.Expect.Hosts,
	}
}

func (h *Hold) table() map[string]setter {
	return h.setters(map[string]setter{
		"duration":         duration(&h.Duration),
		"keepalive":        duration(&h.Keepalive),
		"keepaliveTimeout": duration(&h.KeepaliveTimeout),
		"reply":            answer(&h.Plan.Reply),
		"expect":           h.expectations(),
	})
}

// settle checks options that do nothing without keepalives, or can't do without them.
func (h *Hold) settle() error {
	switch {
	case h.Keepalive > 0:
		return nil
	case h.Plan.Protocol() == "udp":
		return fmt.Errorf("option \"network\": got '%s' without keepalive; want keepalive: '10s' or the like with it, since UDP has no connections, and only answers tell of a peer", h.Plan.Network)
	case h.Plan.Payload != nil:
		return fmt.Errorf("option \"payload\": got %d bytes without keepalive; want keepalive: '10s' or the like with it", len(h.Plan.Payload))
	case h.Plan.Reply != nil || h.KeepaliveTimeout > 0:
		return errors.New("options \"reply\" and \"keepaliveTimeout\": got one without keepalive; want keepalive: '10s' or the like with them, since they judge its answers")
	case h.Expect.ReplyTime > 0:
		return errors.New("option \"expect\": replyTime without keepalive; want keepalive: '10s' or the like with it, since it judges the answers to that")
	}
	return nil
}

// expectations are what a hold can be expected to do.
func (h *Hold) expectations() setter {
	e := &h.Expect
	return expect(e, "{hosts: ['web-1', 'web-2']}",
		[]string{verdicts.Complete, verdicts.Connected, verdicts.Kept, verdicts.Prompt, verdicts.Hosts},
		map[string]setter{
			"hosts":       hosts(&e.Hosts),
			"retransmits": share(&e.Retransmits, &e.HasRetransmits),
			"connectTime": duration(&e.ConnectTime),
			"replyTime":   duration(&e.ReplyTime),
		})
}
