package options

import (
	"errors"
)

// Unreadable stands for a value that is no data, and says what it is instead, such as "a Promise (await it)".
type Unreadable struct{ Reason string }

// MarshalJSON implements json.Marshaler: it fails.
func (u Unreadable) MarshalJSON() ([]byte, error) { return nil, errors.New(u.Reason) }

// Pattern is a RegExp of JavaScript's.
type Pattern struct {
	Source string // without the slashes
	Flags  string
}

// String is the pattern as it stands in a script.
func (p Pattern) String() string { return "/" + p.Source + "/" + p.Flags }

// MarshalJSON implements json.Marshaler as JavaScript does: an object without members.
func (Pattern) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }
