package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// What a file may contain at most.
const (
	maxElements = 200_000 // of a list
	maxCount    = 1 << 53
	maxName     = 255            // bytes
	maxFirst    = 2000           // bytes of an error
	maxLength   = 48 * time.Hour // of a call; a list has room for its seconds
	maxObjects  = 400_000        // in all lists together
	maxFigure   = 1e15           // what may have a fraction
)

// bounded is a list that refuses to grow beyond maxElements.
type bounded[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (b *bounded[T]) UnmarshalJSON(text []byte) error {
	elements := json.NewDecoder(bytes.NewReader(text))
	switch open, err := elements.Token(); {
	case err != nil:
		return err
	case open == nil: // null
		return nil
	case open != json.Delim('['):
		return fmt.Errorf("got %s; want a list", cut(string(text), 40))
	}
	for elements.More() {
		if len(*b) >= maxElements {
			return fmt.Errorf("a list of more than %d elements; want a smaller recording", maxElements)
		}
		var element T
		if err := elements.Decode(&element); err != nil {
			return err
		}
		*b = append(*b, element)
	}
	return nil
}

// hosts counts by host name, and keeps as many names as connect.Hosts does.
type hosts connect.Hosts

// UnmarshalJSON implements json.Unmarshaler.
func (h *hosts) UnmarshalJSON(text []byte) error {
	*h = hosts{}
	return members(text, func(name string, n count) error {
		connect.Hosts(*h).Add(hostName(name), int64(n))
		return nil
	})
}

// shares are parts by host name.
type shares map[string]float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *shares) UnmarshalJSON(text []byte) error {
	return members(text, func(name string, share figure) error {
		if len(*s) >= maxElements {
			return fmt.Errorf("an object of more than %d members; want a smaller recording", maxElements)
		}
		if *s == nil {
			*s = shares{}
		}
		if share > 1 {
			return fmt.Errorf("got %v for %s; want a part from 0 to 1", share, hostName(name))
		}
		(*s)[hostName(name)] = float64(share)
		return nil
	})
}

// members hands out the members of an object one by one.
func members[T any](text []byte, add func(name string, value T) error) error {
	object := json.NewDecoder(bytes.NewReader(text))
	switch open, err := object.Token(); {
	case err != nil:
		return err
	case open == nil: // null
		return nil
	case open != json.Delim('{'):
		return fmt.Errorf("got %s; want an object of host names and numbers", cut(string(text), 40))
	}
	for object.More() {
		key, err := object.Token()
		if err != nil {
			return err
		}
		var value T
		if err := object.Decode(&value); err != nil {
			return err
		}
		if err := add(key.(string), value); err != nil {
			return err
		}
	}
	return nil
}

// count is a whole number that is not negative.
type count int64

// UnmarshalJSON implements json.Unmarshaler.
func (c *count) UnmarshalJSON(text []byte) error {
	var n float64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	if n < 0 || n > maxCount || n != math.Trunc(n) {
		return fmt.Errorf("got %s; want a count from 0 to %d", cut(string(text), 40), int64(maxCount))
	}
	*c = count(n)
	return nil
}

// span is a duration, in a unit that is found out later.
type span float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *span) UnmarshalJSON(text []byte) error {
	var n float64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	if n < 0 {
		return fmt.Errorf("got %s; want a duration that is not negative", cut(string(text), 40))
	}
	*s = span(n)
	return nil
}

// in returns the duration, given its unit; at most maxLength.
func (s span) in(unit time.Duration) time.Duration {
	return time.Duration(math.Round(min(float64(s)*float64(unit), float64(maxLength))))
}

// inUnless is in, or nil if there is no duration.
func (s *span) inUnless(unit time.Duration) *time.Duration {
	if s == nil {
		return nil
	}
	d := s.in(unit)
	return &d
}

// figure is a number that is not negative, and not so large that sums of it are none.
type figure float64

// UnmarshalJSON implements json.Unmarshaler.
func (f *figure) UnmarshalJSON(text []byte) error {
	var n float64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	if n < 0 || n > maxFigure {
		return fmt.Errorf("got %s; want a number from 0 to %g", cut(string(text), 40), float64(maxFigure))
	}
	*f = figure(n)
	return nil
}

// hostName makes a name of what may be anything.
func hostName(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return name(s)
}

// name makes a text of one line of what may be anything.
func name(s string) string { return cut(s, maxName) }

func namesOf(texts []string) []string {
	for i := range texts {
		texts[i] = name(texts[i])
	}
	return texts
}

// toErrors reads counts by class.
func toErrors(counts map[connect.Class]count) map[connect.Class]int64 {
	errors := make(map[connect.Class]int64, len(counts))
	for class, n := range counts {
		errors[class] = int64(n)
	}
	return errors
}

// toFirst reads the first error of each class.
func toFirst(texts map[connect.Class]string) map[connect.Class]connect.Failure {
	first := make(map[connect.Class]connect.Failure, len(texts))
	for class, text := range texts {
		first[class] = connect.Failure{Class: class, Text: quote.Printable(quote.Middle(text, maxFirst))}
	}
	return first
}

// cut makes a text that can be shown, of about so many bytes at most.
func cut(s string, most int) string { return quote.Printable(quote.Cut(s, most)) }
