package options

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Disruption is what a script asks of disruption().
type Disruption struct {
	Before, After disruption.Flows
	Change        disruption.Change
	Tags          map[string]string
	Expect        verdicts.Expect
}

// ParseDisruption checks the arguments of disruption(): the flows of two floods, nil if a result has none, and the options.
func ParseDisruption(before, after, options any) (*Disruption, error) {
	d := &Disruption{}
	object, ok := options.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("disruption(): options: got %s; want an object such as {model: 'maglev', removed: 'web-1'}", show(options))
	}
	err := flows(&d.Before, "before", before)
	if err == nil {
		err = flows(&d.After, "after", after)
	}
	if err == nil {
		err = parse(object, map[string]setter{
			"model":    (*model)(&d.Change.Model).set,
			"backends": names(&d.Change.Backends),
			"removed":  names(&d.Change.Removed),
			"added":    names(&d.Change.Added),
			"weights":  weights(&d.Change.Weights),
			"tags":     tags(&d.Tags),
			"expect":   expectMoved(&d.Expect),
		})
	}
	if err != nil {
		return nil, fmt.Errorf("disruption(): %w", quote.Shorten(err, 2*maxReason))
	}
	return d, nil
}

// flows reads the flows of a result, which may have been to JSON and back since.
func flows(to *disruption.Flows, name string, v any) error {
	if v == nil {
		return fmt.Errorf("%s: got a value without flows; want the result of flood(target, {flows: true, …})", name)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: its flows are no data (%w); want the flows of a flood's result, unchanged", name, err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: its flows are %w", name, err)
	}
	return nil
}

type model disruption.Model

func (m *model) set(v any) error { return oneOf((*string)(m), disruption.Models...)(v) }

// names reads one name or a list of them.
func names(to *[]string) setter {
	return func(v any) error {
		list, ok := stringList(v)
		if !ok {
			return errors.New("want the name of a backend, as it answers with it, or an array of names")
		}
		*to = list
		return nil
	}
}

func weights(to *map[string]float64) setter {
	return func(v any) error {
		const (
			accepted = "want an object of host names and weights, such as {'web-1': 2, 'web-2': 1}, at least one of them above 0"
			smallest = 1e-9 // so that what one got in relation to its due is a number
		)
		object, ok := v.(map[string]any)
		if !ok {
			return errors.New(accepted)
		}
		*to = make(map[string]float64, len(object))
		var sum float64
		for name, value := range object {
			weight, ok := asNumber(value)
			if !ok || weight < 0 || weight > math.MaxInt32 || weight > 0 && weight < smallest {
				return fmt.Errorf("weight %s of %q is not 0, and no number from %g to %d; %s", show(value), name, smallest, math.MaxInt32, accepted)
			}
			(*to)[name] = weight
			sum += weight
		}
		if sum == 0 {
			return errors.New(accepted)
		}
		return nil
	}
}
