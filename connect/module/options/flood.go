package options

import (
	"errors"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Flood is what a script asks of flood().
type Flood struct {
	Call
	SkipReply bool
	Flows     bool
	Weights   map[string]float64
}

// ParseFlood checks the arguments of flood(). An error names the option, its value and what is accepted.
func ParseFlood(target, options any) (*Flood, error) {
	f := &Flood{}
	if err := f.parse(target, options, f.table(), f.settle); err != nil {
		return nil, fmt.Errorf("flood(): %w", err)
	}
	f.Limit = f.Plan.TimeLimit()
	return f, nil
}

// With is the plan of the call, whose part that all calls have is p.
func (f *Flood) With(p connect.Plan) connect.FloodPlan {
	return connect.FloodPlan{
		Plan: p, SkipReply: f.SkipReply, Flows: f.Flows, Weights: f.Weights, Affinity: f.Expect.Affinity, Source: f.Expect.Source,
	}
}

func (f *Flood) table() map[string]setter {
	return f.setters(map[string]setter{
		"readReply": unless(&f.SkipReply),
		"flows":     flag(&f.Flows),
		"weights":   weights(&f.Weights),
		"reply":     answer(&f.Plan.Reply),
		"expect":    f.expectations(),
	})
}

// expectations are what a flood can be expected to do.
func (f *Flood) expectations() setter {
	e := &f.Expect
	return expect(e, "{hosts: ['web-1', 'web-2']}",
		[]string{verdicts.Complete, verdicts.Connected, verdicts.Answered, verdicts.Prompt, verdicts.Hosts, verdicts.Balance, verdicts.Affinity, verdicts.Source},
		map[string]setter{
			"hosts":       hosts(&e.Hosts),
			"balance":     balanceOf(e),
			"affinity":    flag(&e.Affinity),
			"source":      flag(&e.Source),
			"retransmits": share(&e.Retransmits, &e.HasRetransmits),
			"connectTime": duration(&e.ConnectTime),
			"replyTime":   duration(&e.ReplyTime),
		})
}

func (f *Flood) settle() error {
	if err := f.settleExpectations(); err != nil {
		return err
	}
	return f.settleAnswers()
}

// settleExpectations checks what is expected of answers.
func (f *Flood) settleExpectations() error {
	e := &f.Expect
	if e.Hosts != nil {
		f.Weights = e.Hosts
	}
	wantsAnswers := e.Hosts != nil || e.Balance > 0 || e.Affinity || e.Source || e.ReplyTime > 0
	switch {
	case f.SkipReply && wantsAnswers:
		return errors.New("option \"expect\": asks for answers with readReply false; want readReply true with hosts, balance, affinity, source and replyTime")
	case f.SkipReply && f.Plan.Reply != nil:
		return errors.New("option \"reply\": got one with readReply false; want readReply true with it")
	case e.Source && f.Plan.Reply != nil:
		return errors.New("option \"expect\": source with option reply; want one of them, since mconnect-server -tell-source answers with its name and the source")
	}
	return nil
}

// settleAnswers checks the options that judge who has answered.
func (f *Flood) settleAnswers() error {
	p := &f.Plan
	switch {
	case f.Weights != nil && f.SkipReply:
		return errors.New("option \"weights\": got some with readReply false; want readReply true with it, since answers tell who got a connection")
	case !f.Flows:
		return nil
	case f.SkipReply:
		return errors.New("option \"flows\": got true with readReply false; want readReply true with it, since answers tell who got a connection")
	case p.Sources.Ports.Count() == 0:
		return errors.New("option \"flows\": got true without sourcePorts; want sourcePorts: '10000-20000' or the like with it, and close: 'rst', since only 5-tuples with fixed ports can be dialed again")
	case p.Sources.Random && f.Seed == nil:
		return errors.New("option \"flows\": got true with sourceOrder 'random' and no seed; want the same seed in both floods, or sourceOrder 'sequential', so that the same 5-tuples are dialed again")
	case p.Connections > disruption.MaxFlows:
		return fmt.Errorf("option \"flows\": got true with %d connections; want at most %d connections with it", p.Connections, disruption.MaxFlows)
	}
	return nil
}
