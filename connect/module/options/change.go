package options

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Change is what a script announces with change().
type Change struct {
	Text   string
	Hosts  []string // none stands for all
	Within time.Duration
}

// DefaultWithin is how long losses are excused after a change.
const DefaultWithin = 10 * time.Second

// maxChangeText is how many bytes a change's text may have.
const maxChangeText = 1000

// ParseChange checks the arguments of change().
func ParseChange(what, options any) (*Change, error) {
	c := &Change{Within: DefaultWithin, Hosts: []string{}}
	if err := text(&c.Text).set(what); err != nil || len(c.Text) > maxChangeText {
		return nil, fmt.Errorf("change(): text: got %s; want a text of at most %d bytes that says what happens, such as 'restart of web-1'", show(what), maxChangeText)
	}
	table := map[string]setter{"hosts": some(hostNames(&c.Hosts)), "within": duration(&c.Within)}
	if err := parseArgument(options, "{hosts: ['web-1'], within: '10s'}", table); err != nil {
		return nil, fmt.Errorf("change(): %w", quote.Shorten(err, 2*maxReason))
	}
	return c, nil
}

// hostNames refuses what no host can answer with, which a change would wait for in vain.
func hostNames(to *[]string) setter {
	return names(to).and(func() error {
		for _, name := range *to {
			if !reply.Valid([]byte(name)) {
				return fmt.Errorf("%s is no host's name; want 1 to %d bytes that can be printed, as the backend answers with them", quote.Text(name, readable), reply.MaxLength)
			}
		}
		return nil
	})
}

// some refuses a list without elements: hosts that were looked for and not found are not all hosts.
func some(of setter) setter {
	set := of.set
	of.set = func(v any) error {
		if list, isList := v.([]any); isList && len(list) == 0 {
			return errors.New("want at least one host; leave the option out if the change affects all")
		}
		return set(v)
	}
	return of
}
