package options

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Traffic is what a script asks of traffic().
type Traffic struct {
	Call
	Duration    time.Duration
	Rate        float64 // KB/s
	PacketSizes []int   // nil is the default
	LossTimeout time.Duration
	NoReconnect bool
	Verify      bool
	HalfClose   bool

	wantsIntact bool
}

// ParseTraffic checks the arguments of traffic().
func ParseTraffic(target, options any) (*Traffic, error) {
	t := &Traffic{}
	if err := t.parse(target, options, t.table(), t.settle); err != nil {
		return nil, fmt.Errorf("traffic(): %w", err)
	}
	t.Limit = t.With(t.Plan).TimeLimit()
	return t, nil
}

// With is the plan of the call, whose part that all calls have is p.
func (t *Traffic) With(p connect.Plan) connect.TrafficPlan {
	return connect.TrafficPlan{
		Plan: p, Duration: t.Duration, Throughput: t.Rate, PacketSizes: t.PacketSizes, Verify: t.Verify, HalfClose: t.HalfClose,
		LossTimeout: t.LossTimeout, NoReconnect: t.NoReconnect,
	}
}

func (t *Traffic) table() map[string]setter {
	table := t.setters(map[string]setter{
		"duration":    duration(&t.Duration),
		"rate":        number(&t.Rate, 0, 1e9),
		"packetSize":  sizes(&t.PacketSizes),
		"verify":      flag(&t.Verify),
		"halfClose":   flag(&t.HalfClose),
		"expect":      t.noting(t.expectations()),
		"lossTimeout": duration(&t.LossTimeout),
		"reconnect":   unless(&t.NoReconnect),
	})
	delete(table, "payload") // packets are ctraffic's
	return table
}

// expectations are what traffic can be expected to do.
func (t *Traffic) expectations() setter {
	e := &t.Expect
	return expect(e, "{loss: 0.01, recovery: '2s'}",
		[]string{verdicts.Complete, verdicts.Connected, verdicts.Kept, verdicts.Recovered, verdicts.Intact, verdicts.Loss, verdicts.Recovery},
		map[string]setter{"loss": share(&e.Loss, &e.HasLoss), "recovery": duration(&e.Recovery)})
}

// noting notes that echoes are expected to be intact, in so many words.
func (t *Traffic) noting(expect setter) setter {
	set := expect.set
	expect.set = func(v any) error {
		if object, ok := v.(map[string]any); ok {
			t.wantsIntact = object["intact"] == true
		}
		return set(v)
	}
	return expect
}

// settle checks options that depend on each other, and what datagrams can't do.
func (t *Traffic) settle() error {
	switch {
	case t.wantsIntact && !t.Verify:
		return errors.New("option \"expect\": intact without verify; want verify: true with it, since echoes are only counted otherwise")
	case t.Plan.Protocol() != "udp":
		return nil
	case t.HalfClose:
		return fmt.Errorf("option \"halfClose\": got true with network '%s'; want tcp or tls with it, since UDP has no end of a stream", t.Plan.Network)
	}
	const smallest, largest = connect.MinDatagramSize, connect.MaxDatagramSize
	for _, size := range t.PacketSizes {
		if size < smallest || size > largest {
			return fmt.Errorf("option \"packetSize\": got %d with network '%s'; want %d to %d with it: the beginning of each datagram is for the server's name (64 bytes), and its end carries its number (8)", size, t.Plan.Network, smallest, largest)
		}
	}
	return nil
}

// maxSizes bounds how many sizes of packets take turns.
const maxSizes = 100

// sizes is the size of packets, or a list of sizes that take turns.
func sizes(to *[]int) setter {
	return setter{kind: KindNumbers, set: func(v any) error {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		if len(list) == 0 || len(list) > maxSizes {
			return fmt.Errorf("want a size, or a list of 1 to %d sizes", maxSizes)
		}
		*to = make([]int, len(list))
		for i := range list {
			if err := whole(&(*to)[i], connect.MinPacketSize, connect.MaxPacketSize).set(list[i]); err != nil {
				return err
			}
		}
		return nil
	}}
}
