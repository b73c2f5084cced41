package connect

// greeting finds out from the first step of a search whether targets send something by themselves. One that greets anybody greets all that
// it serves, and may serve no more than that one.
type greeting struct {
	targets       int64
	met, greeting map[int64]bool // targets, by their place in the plan
}

func newGreeting(targets int) greeting {
	return greeting{targets: int64(targets), met: map[int64]bool{}, greeting: map[int64]bool{}}
}

// watch takes note of what happens to connections.
func (g *greeting) watch(batch []Outcome) {
	for i := range batch {
		switch o := &batch[i]; o.Event {
		case Established:
			g.met[o.Number%g.targets] = true
		case Spoke:
			g.greeting[o.Number%g.targets] = true
		default: // says nothing of it
		}
	}
}

// expected reports whether every connection is to be greeted.
func (g *greeting) expected() bool { return len(g.greeting) > 0 && len(g.greeting) == len(g.met) }
