package options

import (
	"encoding/json"
	"errors"
	"fmt"

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
			"model":    oneOf((*string)(&d.Change.Model), disruption.Models...),
			"backends": names(&d.Change.Backends),
			"removed":  names(&d.Change.Removed),
			"added":    names(&d.Change.Added),
			"weights":  weights(&d.Change.Weights),
			"tags":     tags(&d.Tags),
			"expect": expect(&d.Expect, "{moved: 0.1}", []string{verdicts.Moved}, map[string]setter{
				"moved": share(&d.Expect.Moved, &d.Expect.HasMoved),
			}),
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

// names reads one name or a list of them.
func names(to *[]string) setter {
	return setter{kind: KindNames, set: func(v any) error {
		if err := notSplit(v); err != nil {
			return err
		}
		list, ok := stringList(v)
		if !ok {
			return errors.New("want the name of a backend, as it answers with it, or an array of names")
		}
		*to = list
		return nil
	}}
}
