package options

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// expect is the option of that name: an object of what must hold. more are those that a call has besides the verdicts it makes.
func expect(to *verdicts.Expect, names []string, more map[string]setter) setter {
	return func(v any) error {
		object, ok := v.(map[string]any)
		if !ok {
			return errors.New("want an object, such as {hosts: ['web-1', 'web-2']}")
		}
		known := maps.Clone(more)
		if known == nil {
			known = map[string]setter{}
		}
		for _, name := range names {
			switch name {
			case verdicts.Complete, verdicts.Connected, verdicts.Answered, verdicts.Kept:
				known[name] = leastShare(to, name)
			default:
				known[name] = orOff(to, name, known[name])
			}
		}
		if err := parse(object, known); err != nil {
			return fmt.Errorf("%w", err)
		}
		return nil
	}
}

// off leaves a verdict out.
func off(to *verdicts.Expect, name string) {
	if to.Off == nil {
		to.Off = map[string]bool{}
	}
	to.Off[name] = true
}

// orOff is a setter that also takes false, which leaves the verdict out, and true, which is the default.
func orOff(to *verdicts.Expect, name string, set setter) setter {
	return func(v any) error {
		switch on, isFlag := v.(bool); {
		case isFlag && !on:
			off(to, name)
			return nil
		case set == nil && isFlag:
			return nil
		case set == nil:
			return errors.New("want false, which leaves the verdict out, or true")
		}
		return set(v)
	}
}

// leastShare is the share of connections of which a verdict must hold.
func leastShare(to *verdicts.Expect, name string) setter {
	return func(v any) error {
		if on, ok := v.(bool); ok {
			if !on {
				off(to, name)
			}
			return nil
		}
		var share float64
		if err := number(&share, 0, 1)(v); err != nil {
			return errors.New("want the least share that must hold, from 0 to 1, or false, which leaves the verdict out")
		}
		if to.Shares == nil {
			to.Shares = map[string]float64{}
		}
		to.Shares[name] = share
		return nil
	}
}

// maxHosts bounds how many hosts can be expected.
const maxHosts = 10_000

// hosts is a list of names, or an object of weights.
func hosts(to *map[string]float64) setter {
	return func(v any) error {
		const accepted = "want a list of names, such as ['web-1', 'web-2'], or an object of weights, such as {'web-1': 2, 'web-2': 1}"
		object, isObject := v.(map[string]any)
		list, isList := stringList(v)
		switch {
		case isList && len(list) > 0 && len(list) <= maxHosts:
			*to = make(map[string]float64, len(list))
			for _, name := range list {
				if _, twice := (*to)[name]; name == "" || twice {
					return fmt.Errorf("name %q is empty, or there twice; %s", name, accepted)
				}
				(*to)[name] = 1
			}
			return nil
		case !isObject || len(object) == 0 || len(object) > maxHosts:
			return errors.New(accepted)
		}
		*to = make(map[string]float64, len(object))
		sum := 0.0
		for name, value := range object {
			weight, ok := asNumber(value)
			if !ok || weight < 0 || weight > 1e9 {
				return fmt.Errorf("weight of %q is %s; want a number from 0 to 1e9", name, show(value))
			}
			(*to)[name] = weight
			sum += weight
		}
		if sum == 0 {
			return errors.New("all weights are 0; want one above 0")
		}
		return nil
	}
}

// balanceOf is true, the least p-value, or an object with a tolerance.
func balanceOf(to *verdicts.Expect) setter {
	return func(v any) error {
		const accepted = "want true, the least p-value (0 to 1), or an object such as {tolerance: 0.1}"
		switch v := v.(type) {
		case bool:
			to.Balance = verdicts.DefaultBalance
			return nil
		case map[string]any:
			to.Balance = verdicts.DefaultBalance
			return parse(v, map[string]setter{"tolerance": number(&to.Tolerance, 0, 1e6), "p": number(&to.Balance, 1e-300, 1)})
		}
		if err := number(&to.Balance, 1e-300, 1)(v); err != nil {
			return errors.New(accepted)
		}
		return nil
	}
}

// share is a number from 0 to 1, and whether it was given.
func share(to *float64, given *bool) setter {
	return func(v any) error {
		*given = true
		return number(to, 0, 1)(v)
	}
}

// expectations are the setters of what a call can be expected to do.
func (c *Call) expectations(call string) setter {
	e := &c.Expect
	switch call {
	case "flood":
		return expect(e, []string{verdicts.Complete, verdicts.Connected, verdicts.Answered, verdicts.Prompt, verdicts.Hosts, verdicts.Balance, verdicts.Affinity, verdicts.Source}, map[string]setter{
			"hosts": hosts(&e.Hosts), "balance": balanceOf(e), "affinity": flag(&e.Affinity), "source": flag(&e.Source),
			"retransmits": share(&e.Retransmits, &e.HasRetransmits), "replyTime": duration(&e.ReplyTime),
		})
	case "hold":
		return expect(e, []string{verdicts.Complete, verdicts.Connected, verdicts.Kept, verdicts.Prompt, verdicts.Hosts}, map[string]setter{
			"hosts": hosts(&e.Hosts), "retransmits": share(&e.Retransmits, &e.HasRetransmits),
		})
	case "traffic":
		return expect(e, []string{verdicts.Complete, verdicts.Connected, verdicts.Kept, verdicts.Recovered, verdicts.Intact, verdicts.Loss, verdicts.Recovery}, map[string]setter{
			"loss": share(&e.Loss, &e.HasLoss), "recovery": duration(&e.Recovery),
		})
	case "idle":
		return expect(e, []string{verdicts.Complete, verdicts.Answered, verdicts.Idle}, map[string]setter{"timeout": duration(&e.IdleTimeout)})
	default:
		return expect(e, []string{verdicts.Complete, verdicts.Capacity}, map[string]setter{"connections": whole(&e.Connections, 1, int64(1e9))})
	}
}

// ExpectPing checks what ping() or tcpPing() is expected to do.
func expectPing(to *verdicts.Expect, answers bool) setter {
	names := []string{verdicts.Connected}
	if answers {
		names = append(names, verdicts.Answered)
	}
	return expect(to, names, nil)
}

// expectMoved is what disruption() is expected to find.
func expectMoved(to *verdicts.Expect) setter {
	return expect(to, []string{verdicts.Moved}, map[string]setter{"moved": share(&to.Moved, &to.HasMoved)})
}

// expectStates is the most sockets that states may have, and how long to wait for that.
func expectStates(most *map[string]int64, within *time.Duration, states []string) setter {
	return func(v any) error {
		object, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("want an object of states and the most sockets in each, such as {close_wait: 0, within: '10s'}; states are %s", strings.Join(states, ", "))
		}
		known := map[string]setter{"within": duration(within)}
		*most = map[string]int64{}
		counts := map[string]*int64{}
		for _, state := range states {
			n := new(int64)
			counts[state] = n
			known[state] = whole(n, 0, int64(1e12))
		}
		if err := parse(object, known); err != nil {
			return err
		}
		for state := range object {
			if slices.Contains(states, state) {
				(*most)[state] = *counts[state]
			}
		}
		return nil
	}
}
