package disruption

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Change is what happened to the backends between two calls.
type Change struct {
	Model Model // how the load balancer chooses backends
	// Backends are the names, as the backends answer with them, of all that were there before or after the change. Their order
	// matters to hash-threshold only. Nil means those that have answered, and those that were added, whose silence is a finding.
	Backends []string
	// Removed and Added are what changed. If both are nil, it is what the answers say: removed is who answered before and not
	// after, added who answered after and not before.
	Removed, Added []string
	// Weights are the shares that backends are due, in relation to each other; nil means equal ones.
	Weights map[string]float64
}

// settle fills in what the change leaves open, and checks that it makes sense for those who answered before and after it.
func (c *Change) settle(before, after []string) error {
	if err := c.settleBackends(before, after); err != nil {
		return err
	}
	if c.Removed == nil && c.Added == nil {
		c.Removed, c.Added = without(before, after), without(after, before)
	}
	if err := c.known("removed", c.Removed); err != nil {
		return err
	}
	if err := c.known("added", c.Added); err != nil {
		return err
	}
	if both := repeated(slices.Concat(c.Removed, c.Added)); both != "" {
		return fmt.Errorf("options \"removed\" and \"added\": got %q in both; want it in one, or in none if it has been there throughout", both)
	}
	return c.settleShares()
}

func (c *Change) checkModel() error {
	if !slices.Contains(Models, string(c.Model)) {
		return fmt.Errorf("option \"model\": got %q; want the way that the load balancer chooses backends: '%s'", c.Model, strings.Join(Models, "', '"))
	}
	return nil
}

func (c *Change) settleBackends(before, after []string) error {
	answered := slices.Concat(before, without(after, before))
	if c.Backends == nil && c.Model == ECMP {
		return errors.New(`option "backends" is missing with model 'ecmp'; want the names of all backends, removed and added ones too, in the order of the load balancer's next hops, as their order decides how many flows move`)
	}
	if c.Backends == nil {
		c.Backends = slices.Concat(answered, without(c.Added, answered))
		slices.Sort(c.Backends)
	}
	if twice := repeated(c.Backends); twice != "" {
		return fmt.Errorf("option \"backends\": got %q twice; want each name once", twice)
	}
	if strangers := without(answered, c.Backends); len(strangers) > 0 {
		return misfitError(fmt.Sprintf("flows were answered by %s, and backends are %s: a host that is not in the list answers, or the list lacks it", names(strangers), names(c.Backends)))
	}
	return nil
}

// known checks that a list names backends, each once.
func (c *Change) known(option string, list []string) error {
	if strangers := without(list, c.Backends); len(strangers) > 0 {
		return fmt.Errorf("option %q: got %q; want backends of %s (option backends, else those that have answered)", option, strangers[0], names(c.Backends))
	}
	if twice := repeated(list); twice != "" {
		return fmt.Errorf("option %q: got %q twice; want each name once", option, twice)
	}
	return nil
}

// settleShares checks that there are backends before and after the change that are due something.
func (c *Change) settleShares() error {
	known := set(c.Backends)
	for name, weight := range c.Weights {
		if !known[name] || weight < 0 {
			return fmt.Errorf("option \"weights\": got %q: %v; want a weight of at least 0 for each backend of %s", name, weight, names(c.Backends))
		}
	}
	if c.total(without(c.Backends, c.Added)) <= 0 || c.total(without(c.Backends, c.Removed)) <= 0 {
		return fmt.Errorf("options \"removed\" and \"added\": got %s and %s of the backends %s; want some with a weight above 0 both before and after the change", names(c.Removed), names(c.Added), names(c.Backends))
	}
	return nil
}

// weight is what a backend is due.
func (c *Change) weight(name string) float64 {
	if c.Weights == nil {
		return 1
	}
	return c.Weights[name]
}

func (c *Change) total(backends []string) (sum float64) {
	for _, name := range backends {
		sum += c.weight(name)
	}
	return sum
}

// without returns the elements of a list that are not in another; it is never nil.
func without(list, others []string) []string {
	out, left := set(others), []string{}
	for _, name := range list {
		if !out[name] {
			left = append(left, name)
		}
	}
	return left
}

func set(list []string) map[string]bool {
	members := make(map[string]bool, len(list))
	for _, name := range list {
		members[name] = true
	}
	return members
}

// repeated returns a name that occurs twice, or "".
func repeated(list []string) string {
	seen := make(map[string]bool, len(list))
	for _, name := range list {
		if seen[name] {
			return name
		}
		seen[name] = true
	}
	return ""
}

// names prints a list of names, cut to a readable length.
func names(list []string) string {
	const readable = 12
	if len(list) > readable {
		return fmt.Sprintf("[%s, … %d more]", strings.Join(list[:readable], ", "), len(list)-readable)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// misfitError says that what has answered does not fit the change.
type misfitError string

// Error implements error.
func (e misfitError) Error() string { return string(e) }
