package options

import (
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Traffic is what a script asks of traffic().
type Traffic struct {
	Call
	Duration    time.Duration
	Rate        float64 // KB/s
	PacketSize  int
	LossTimeout time.Duration
	NoReconnect bool
}

// ParseTraffic checks the arguments of traffic().
func ParseTraffic(target, options any) (*Traffic, error) {
	t := &Traffic{}
	known := t.setters(map[string]setter{
		"duration":    duration(&t.Duration),
		"rate":        number(&t.Rate, 0, 1e9),
		"packetSize":  whole(&t.PacketSize, connect.MinPacketSize, connect.MaxPacketSize),
		"lossTimeout": duration(&t.LossTimeout),
		"reconnect":   unless(&t.NoReconnect),
	})
	delete(known, "payload") // packets are ctraffic's
	if err := t.parseTo(target, options, known); err != nil {
		return nil, fmt.Errorf("traffic(): %w", err)
	}
	const smallest, largest = connect.MinDatagramSize, connect.MaxDatagramSize
	if size := t.PacketSize; t.Plan.Protocol() == "udp" && size != 0 && (size < smallest || size > largest) {
		return nil, fmt.Errorf("traffic(): option \"packetSize\": got %d with network '%s'; want %d to %d with it, as the end of each datagram tells when it was due", size, t.Plan.Network, smallest, largest)
	}
	t.Limit = connect.TrafficPlan{Plan: t.Plan, Duration: t.Duration, LossTimeout: t.LossTimeout}.TimeLimit()
	return t, nil
}
