package module

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib/types"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// floodOptions is what a script asks of flood(), before names are resolved.
type floodOptions struct {
	targets    []string
	plan       connect.Plan // without targets, TLS and observer
	serverName string
	tags       map[string]string
	order      string
	seed       *uint64
}

// setter checks one option's value and stores it. Its error says what is accepted.
type setter func(value any) error

// parseFlood reads the arguments of flood().
func parseFlood(target, options sobek.Value) (*floodOptions, error) {
	o := &floodOptions{}
	var err error
	if o.targets, err = parseTargets(target); err != nil {
		return nil, fmt.Errorf("flood(): target %w", err)
	}
	if err := o.parse(options); err != nil {
		return nil, fmt.Errorf("flood(): %w", err)
	}
	if err := o.settle(); err != nil {
		return nil, fmt.Errorf("flood(): %w", err)
	}
	return o, nil
}

func (o *floodOptions) setters() map[string]setter {
	p := &o.plan
	reply := true
	return map[string]setter{
		"network":        oneOf(&p.Network, "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "tls"),
		"connections":    whole(&p.Connections, 1, connect.MaxConnections),
		"concurrency":    whole(&p.Concurrency, 1, connect.MaxConcurrency),
		"rate":           number(&p.Rate, 0, 1e9),
		"connectTimeout": duration(&p.ConnectTimeout),
		"timeout":        duration(&p.Timeout),
		"source":         pool(&p.Sources.Pool),
		"sourceOrder":    oneOf(&o.order, "sequential", "random"),
		"seed":           seed(&o.seed),
		"sourcePorts":    ports(&p.Sources.Ports),
		"close": func(v any) error {
			var how string
			err := oneOf(&how, "fin", "rst")(v)
			p.Reset = how == "rst"
			return err
		},
		"payload": payload(&p.Payload),
		"readReply": func(v any) error {
			err := boolean(&reply)(v)
			p.SkipReply = !reply
			return err
		},
		"serverName": text(&o.serverName),
		"monitor":    duration(&p.Monitor),
		"tags":       tags(&o.tags),
	}
}

func (o *floodOptions) parse(options sobek.Value) error {
	if missing(options) {
		return nil
	}
	object, ok := options.(*sobek.Object)
	if _, isMap := options.Export().(map[string]any); !ok || !isMap {
		return fmt.Errorf("options: got %s; want an object such as {connections: 100}", show(options.Export()))
	}
	known := o.setters()
	for _, name := range object.Keys() {
		set, ok := known[name]
		if !ok {
			return fmt.Errorf("option %q is unknown; want one of %s", name, strings.Join(sortedKeys(known), ", "))
		}
		value := object.Get(name)
		if missing(value) {
			continue
		}
		if err := set(value.Export()); err != nil {
			return fmt.Errorf("option %q: got %s; %w", name, show(value.Export()), err)
		}
	}
	return nil
}

// settle checks what depends on more than one option.
func (o *floodOptions) settle() error {
	if o.seed != nil && o.order != "random" {
		return fmt.Errorf("option \"seed\": got %d with sourceOrder %q; want sourceOrder 'random' with it", *o.seed, orDefault(o.order, "sequential"))
	}
	if o.order == "random" && o.plan.Sources.Pool == nil && o.plan.Sources.Ports.Count() == 0 {
		return errors.New("option \"sourceOrder\": got \"random\" without source or sourcePorts; want one of these with it")
	}
	if o.serverName != "" && o.plan.Protocol() != "tls" {
		return fmt.Errorf("option \"serverName\": got %q with network %q; want network 'tls' with it", o.serverName, orDefault(o.plan.Network, "tcp"))
	}
	if o.plan.Payload != nil && o.plan.Protocol() != "udp" {
		return fmt.Errorf("option \"payload\": got %d bytes with network %q; want a udp network with it", len(o.plan.Payload), orDefault(o.plan.Network, "tcp"))
	}
	return nil
}

func parseTargets(v sobek.Value) ([]string, error) {
	const accepted = "want 'host:port', '[v6]:port', or an array of these"
	if missing(v) {
		return nil, errors.New("is missing; " + accepted)
	}
	list, ok := stringList(v.Export())
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("is %s; %s", show(v.Export()), accepted)
	}
	for _, t := range list {
		if _, _, err := connect.SplitTarget(t); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func missing(v sobek.Value) bool {
	return v == nil || sobek.IsUndefined(v) || sobek.IsNull(v)
}

// show prints a value as it would stand in a script, cut to a readable length.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		text = fmt.Appendf(nil, "%v", v)
	}
	if const80 := 80; len(text) > const80 {
		return string(text[:const80]) + "…"
	}
	return string(text)
}

func sortedKeys(m map[string]setter) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func stringList(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		list := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			list[i] = s
		}
		return list, true
	}
	return nil, false
}

func asNumber(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

func oneOf(to *string, accepted ...string) setter {
	return func(v any) error {
		s, ok := v.(string)
		if !ok || !slices.Contains(accepted, s) {
			return fmt.Errorf("want '%s'", strings.Join(accepted, "', '"))
		}
		*to = s
		return nil
	}
}

func whole[T int | int64](to *T, least, most T) setter {
	return func(v any) error {
		n, ok := asNumber(v)
		if !ok || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
			return fmt.Errorf("want a whole number from %d to %d%s", least, most, hintNumber(v))
		}
		*to = T(n)
		return nil
	}
}

func number(to *float64, least, most float64) setter {
	return func(v any) error {
		n, ok := asNumber(v)
		if !ok || n < least || n > most {
			return fmt.Errorf("want a number from %g to %g%s", least, most, hintNumber(v))
		}
		*to = n
		return nil
	}
}

func hintNumber(v any) string {
	if _, isText := v.(string); isText {
		return "; Number(…) makes one of a text, such as those in __ENV"
	}
	return ""
}

func boolean(to *bool) setter {
	return func(v any) error {
		b, ok := v.(bool)
		if !ok {
			return errors.New("want true or false")
		}
		*to = b
		return nil
	}
}

func text(to *string) setter {
	return func(v any) error {
		s, ok := v.(string)
		if !ok || s == "" {
			return errors.New("want a text that is not empty")
		}
		*to = s
		return nil
	}
}

// maxDuration keeps sums of durations far from overflow.
const maxDuration = 365 * 24 * time.Hour

func duration(to *time.Duration) setter {
	return func(v any) error {
		const accepted = "want a duration above 0, such as '8s' or '500ms', or a number of milliseconds"
		_, isText := v.(string)
		n, isNumber := asNumber(v)
		if !isText && !isNumber || isNumber && n > float64(maxDuration/time.Millisecond) {
			return errors.New(accepted)
		}
		d, err := types.GetDurationValue(v)
		if err != nil || d <= 0 || d > maxDuration {
			return errors.New(accepted)
		}
		*to = d
		return nil
	}
}

func seed(to **uint64) setter {
	return func(v any) error {
		n, ok := asNumber(v)
		if !ok || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return fmt.Errorf("want a whole number that JavaScript holds exactly%s", hintNumber(v))
		}
		s := uint64(int64(n)) // #nosec G115 -- any bits make a seed
		*to = &s
		return nil
	}
}

func pool(to **source.Pool) setter {
	return func(v any) error {
		list, ok := stringList(v)
		if !ok || len(list) == 0 {
			return errors.New("want an address, a CIDR, a range such as '10.0.0.5-10.0.0.20', a comma list or an array of these")
		}
		p, err := source.ParsePool(strings.Join(list, ","))
		*to = p
		return err
	}
}

func ports(to *source.Ports) setter {
	return func(v any) error {
		s, ok := v.(string)
		if !ok {
			return errors.New("want a range of ports such as '10000-20000'")
		}
		p, err := source.ParsePorts(s)
		*to = p
		return err
	}
}

// maxPayload is what fits into a UDP datagram over IPv4.
const maxPayload = 65507

func payload(to *[]byte) setter {
	return func(v any) error {
		var data []byte
		switch v := v.(type) {
		case string:
			data = []byte(v)
		case sobek.ArrayBuffer:
			data = v.Bytes()
		default:
			return errors.New("want a text or an ArrayBuffer")
		}
		if len(data) == 0 || len(data) > maxPayload {
			return fmt.Errorf("want 1 to %d bytes", maxPayload)
		}
		*to = data
		return nil
	}
}

func tags(to *map[string]string) setter {
	return func(v any) error {
		const accepted = "want an object of names and texts, such as {site: 'ham'}"
		object, ok := v.(map[string]any)
		if !ok {
			return errors.New(accepted)
		}
		*to = make(map[string]string, len(object))
		for name, value := range object {
			switch value := value.(type) {
			case string, bool, int64, float64:
				(*to)[name] = fmt.Sprint(value)
			default:
				return fmt.Errorf("tag %q is neither text, number nor boolean; %s", name, accepted)
			}
		}
		return nil
	}
}
