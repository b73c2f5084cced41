package reply

import (
	"bytes"
	"regexp"
)

// MaxAnswer is the longest answer that is read, in bytes.
const MaxAnswer = 64 << 10

// Want says what counts as an answer. The zero value wants a host name, in the first read.
type Want struct {
	// Match, if set, must match somewhere in the answer, each byte of which is one character U+0000 to U+00FF. Its first group, if it
	// has one, is the name of the host.
	Match *regexp.Regexp
	// Text, if set, must be part of the answer.
	Text []byte
	// Until ends the answer, and belongs to it; Bytes is its length. Without either, the first read is the answer.
	Until []byte
	Bytes int
}

// Any reports whether a host name is wanted, in the first read.
func (w *Want) Any() bool {
	return w.Match == nil && w.Text == nil && w.OneRead()
}

// OneRead reports whether the first read is the answer.
func (w *Want) OneRead() bool { return w.Until == nil && w.Bytes == 0 }

// Cut returns the answer at the beginning of what has arrived; ok is false if it is not complete.
func (w *Want) Cut(data []byte) (answer []byte, ok bool) {
	switch {
	case w.Bytes > 0:
		return data[:min(w.Bytes, len(data))], len(data) >= w.Bytes
	case w.Until != nil:
		if end := bytes.Index(data, w.Until); end >= 0 {
			return data[:end+len(w.Until)], true
		}
		return data, false
	}
	return data, true
}

// Judge returns the host that an answer names, which is empty if it names none; ok is false if the answer is not what is wanted. The
// name is a copy unless a plain host name is wanted.
func (w *Want) Judge(answer []byte) (host []byte, ok bool) {
	switch {
	case w.Match != nil:
		return w.match(answer)
	case w.Text != nil:
		return nil, bytes.Contains(answer, w.Text)
	}
	return Parse(answer)
}

func (w *Want) match(answer []byte) (host []byte, ok bool) {
	text := latin1(answer)
	found := w.Match.FindStringSubmatchIndex(text)
	if found == nil {
		return nil, false
	}
	if len(found) < 4 || found[2] < 0 {
		return nil, true
	}
	name := []byte(text[found[2]:found[3]])
	return name, Valid(name)
}

// latin1 makes each byte a character.
func latin1(data []byte) string {
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}
