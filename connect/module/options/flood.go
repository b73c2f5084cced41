// Package options checks what a script asks for. It knows nothing of JavaScript: values are what Go makes of them (text,
// int64, float64, bool, []byte, []any, map[string]any), results are plain structs.
package options

import "fmt"

// Flood is what a script asks of flood().
type Flood struct {
	Call
}

// ParseFlood checks the arguments of flood(). An error names the option, its value and what is accepted.
func ParseFlood(target, options any) (*Flood, error) {
	f := &Flood{}
	known := f.setters(map[string]setter{"readReply": unless(&f.Plan.SkipReply)})
	if err := f.parseTo(target, options, known); err != nil {
		return nil, fmt.Errorf("flood(): %w", err)
	}
	if p := &f.Plan; p.Payload != nil && p.Protocol() != "udp" {
		return nil, fmt.Errorf("flood(): option \"payload\": got %d bytes with network '%s'; want a udp network with it", len(p.Payload), p.Protocol())
	}
	return f, nil
}
