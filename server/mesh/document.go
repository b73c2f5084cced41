package mesh

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Limits of a JSON document that another server sends. What it takes in memory is a value at a time, and what is kept of it.
const (
	maxDocument = 4 << 20  // bytes
	maxValue    = 64 << 10 // bytes of one value
	maxDepth    = 100      // of values within values that are passed over
)

// A document is a JSON object from elsewhere, read value by value.
type document struct {
	decoder *json.Decoder
	supply  *supply
}

func newDocument(from io.Reader) *document {
	s := &supply{from: from, left: maxDocument}
	return &document{json.NewDecoder(s), s}
}

// fields calls read for each field of an object, with its name in lower case; read has to take the value.
func (d *document) fields(read func(name string) error) error {
	return d.within('{', func() error {
		token, err := d.token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // JSON has no other names
		return read(strings.ToLower(name))
	})
}

// elements calls read for each element of an array; read has to take it. null has none.
func (d *document) elements(read func() error) error { return d.within('[', read) }

func (d *document) within(opening json.Delim, read func() error) error {
	token, err := d.token()
	switch {
	case err != nil:
		return err
	case token == nil:
		return nil
	case token != opening:
		return fmt.Errorf("no %v where there should be one", opening)
	}
	for d.more() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err = d.token() // that closes it
	return err
}

func (d *document) more() bool {
	d.supply.value = maxValue
	return d.decoder.More()
}

func (d *document) token() (json.Token, error) {
	d.supply.value = maxValue
	return d.decoder.Token() //nolint:wrapcheck // the caller says of what
}

// take reads a value. If it is of the wrong type, the next can be read all the same.
func (d *document) take(into any) error {
	d.supply.value = maxValue
	return d.decoder.Decode(into) //nolint:wrapcheck // the caller says of what
}

// pass reads over a value.
func (d *document) pass() error {
	for depth := 0; ; {
		token, err := d.token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		switch {
		case depth == 0:
			return nil
		case depth > maxDepth:
			return fmt.Errorf("values within values, more than %d deep", maxDepth)
		}
	}
}

// supply is what a document is read from: it ends with an error when the whole, or one value of it, is too large.
type supply struct {
	from        io.Reader
	left, value int
}

// Read implements io.Reader.
func (s *supply) Read(p []byte) (int, error) {
	switch {
	case s.left <= 0:
		return 0, fmt.Errorf("the answer has more than %d bytes", maxDocument)
	case s.value <= 0:
		return 0, fmt.Errorf("a value has more than %d bytes", maxValue)
	}
	n, err := s.from.Read(p[:min(len(p), s.left, s.value)])
	s.left, s.value = s.left-n, s.value-n
	return n, err //nolint:wrapcheck // io.EOF has to be itself
}
