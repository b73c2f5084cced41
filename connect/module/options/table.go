package options

import (
	"fmt"
	"maps"
	"slices"
)

// Kind is what an option's value is. Whoever reads options from text, as flags do, makes a value of that kind.
type Kind int

// The kinds, with the Go values that their setters take.
const (
	KindText     Kind = iota // string
	KindWord                 // string, one of Option.Words
	KindNumber               // int64 or float64
	KindFlag                 // bool
	KindDuration             // string in k6's notation, or a number of milliseconds
	KindBytes                // string or []byte
	KindPattern              // Pattern, string or []byte
	KindNumbers              // a number, or []any of numbers
	KindNames                // string, or []any of strings
	KindShare                // a number from 0 to 1, or bool
	KindShares               // []any of names, or map[string]any of names and weights
	KindPairs                // map[string]any of names and texts
	KindHeaders              // likewise, of HTTP
	KindObject               // map[string]any of the option's members
)

// setter is how one option is set. set checks a value and stores it; its error says what is accepted.
type setter struct {
	kind    Kind
	words   []string          // that a KindWord may be
	off     bool              // false, which leaves a verdict out, is accepted besides values of the kind
	members map[string]setter // of an object
	set     func(value any) error
}

// Option is one that a call takes. There is one table of them: the setters with which the arguments of a call are checked.
type Option struct {
	Path    []string // the names from the call's options to this one, as in {"expect", "hosts"}
	Kind    Kind
	Words   []string // that a KindWord may be
	Off     bool     // false is accepted as well
	Help    string   // the first sentence of its description in index.d.ts
	Default string   // as index.d.ts tells it; "" if there is none, or no single value
}

// tables are the setters of each call.
var tables = map[string]func() map[string]setter{
	"flood":     func() map[string]setter { return (&Flood{}).table() },
	"hold":      func() map[string]setter { return (&Hold{}).table() },
	"traffic":   func() map[string]setter { return (&Traffic{}).table() },
	"capacity":  func() map[string]setter { return (&Capacity{}).table() },
	"idle":      func() map[string]setter { return (&Idle{}).table() },
	"ping":      func() map[string]setter { return (&Ping{}).table() },
	"tcpPing":   func() map[string]setter { return (&TCPPing{}).table() },
	"sockets":   func() map[string]setter { return (&Sockets{}).table() },
	"preflight": func() map[string]setter { return (&preflight{}).table() },
}

// Of returns the options that a call takes, sorted by name. An object is there through its members; one that may also be no object, as
// expect.balance, is there itself, too.
func Of(call string) []Option {
	table, known := tables[call]
	if !known {
		panic("options of " + call + "(), which has no table")
	}
	return list(call, nil, table())
}

func list(call string, path []string, table map[string]setter) (all []Option) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		s := table[name]
		at := append(slices.Clone(path), name)
		if s.kind != KindObject {
			help := helpOn(call, at)
			all = append(all, Option{Path: at, Kind: s.kind, Words: s.words, Off: s.off, Help: help.text, Default: help.usual})
		}
		all = append(all, list(call, at, s.members)...)
	}
	return all
}

// object is a setter for an object of options. example is one as it stands in a script.
func object(members map[string]setter, example string) setter {
	return setter{kind: KindObject, members: members, set: func(v any) error {
		values, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("want an object, such as %s", example)
		}
		return parse(values, members)
	}}
}

// and is a setter that, once the value is stored, also checks and stores more.
func (s setter) and(more func() error) setter {
	set := s.set
	s.set = func(v any) error {
		if err := set(v); err != nil {
			return err
		}
		return more()
	}
	return s
}

// Wrong says which option has a value that is not accepted.
type Wrong struct {
	Path  []string // to the option, as in {"expect", "hosts"}
	Value any
	Err   error // what is accepted
}

// Error implements error, in JavaScript's words.
func (w *Wrong) Error() string {
	return fmt.Sprintf("option %q: got %s; %s", w.Path[0], show(w.Value), w.Err)
}

// Unwrap returns what is accepted.
func (w *Wrong) Unwrap() error { return w.Err }

// Shown is the value as a script would have it, cut to a readable length.
func (w *Wrong) Shown() string { return show(w.Value) }
