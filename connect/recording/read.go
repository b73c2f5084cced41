package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// maxShown is how many bytes of an error are shown, which may repeat what is in a file.
const maxShown = 400

// maxFile bounds what is read; 100,000 connections' records are about 30 MB.
const maxFile = 64 << 20

// formats are told apart by a key that only they have; the first that fits is taken.
var formats = []struct {
	key, name string
	read      func([]byte) (*Report, error)
}{
	{"PacketSize", "ctraffic's statistics", readCtraffic},
	{"packet_size", "a result of traffic()", readTraffic},
	{"calls", "report()", readReport},
	{"connects", "mconnect's output, or a result of flood()", readReport},
}

// Read reads what ctraffic -stats all or summary, mconnect -output json, or a script with report(), or the result of traffic() or flood(), has
// written. The error says which of them it took the file for, and what is wrong with it.
func Read(r io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("more than %d MB; want a smaller recording, such as one with fewer connections", maxFile>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // which some shells put before what they write
	if bytes.Count(text, []byte("{")) > maxObjects {
		return nil, fmt.Errorf("more than %d objects in it; want a smaller recording, such as one with fewer connections", maxObjects)
	}
	text, keys, err := find(text)
	if err != nil {
		return nil, err
	}
	for _, f := range formats {
		if _, has := keys[f.key]; !has {
			continue
		}
		report, err := f.read(text)
		if err != nil {
			return nil, fmt.Errorf("%s, but: %w", f.name, quote.Shorten(describe(err), maxShown))
		}
		return report, nil
	}
	return nil, fmt.Errorf("no recording: an object with %s; want one as written by %s", some(keys), names())
}

// find returns the one recording that a file holds, and its keys. mconnect writes lines such as "Read err: EOF" before its own, and
// who takes standard error into the file has lines of a log in it.
func find(text []byte) (recording []byte, keys map[string]json.RawMessage, err error) {
	whole := json.Unmarshal(text, &keys)
	if whole == nil {
		return text, keys, nil
	}
	const mostBroken = 20 // lines that begin as an object and are none; each may be read to the end
	broken := 0
	for rest := text; broken < mostBroken && len(rest) > 0; {
		if rest[0] != '{' {
			rest = nextLine(rest)
			continue
		}
		object, found, err := first(rest)
		switch {
		case err != nil:
			broken++
			rest = nextLine(rest)
			continue
		case isRecording(found) && recording != nil:
			return nil, nil, errors.New("no recording, but several; want one JSON object")
		case isRecording(found):
			recording, keys = object, found
		}
		rest = rest[len(object):]
	}
	if recording == nil {
		return nil, nil, fmt.Errorf("no recording: %w; want one JSON object, as written by %s", quote.Shorten(describe(whole), maxShown), names())
	}
	return recording, keys, nil
}

// first is the JSON object that a text begins with.
func first(text []byte) (object []byte, keys map[string]json.RawMessage, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	err = decoder.Decode(&keys)
	return text[:decoder.InputOffset()], keys, err
}

func nextLine(text []byte) []byte {
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	return bytes.TrimLeft(rest, " \t")
}

func isRecording(keys map[string]json.RawMessage) bool {
	for _, f := range formats {
		if _, has := keys[f.key]; has {
			return true
		}
	}
	return false
}

func names() string {
	return "ctraffic -stats all, by mconnect -output json, or by a script with report() or a result of traffic() or flood()"
}

// some lists the first of an object's keys.
func some(keys map[string]json.RawMessage) string {
	const enough = 8
	list := slices.Sorted(maps.Keys(keys))
	for i := range list {
		list[i] = cut(list[i], 32)
	}
	switch {
	case len(list) == 0:
		return "nothing in it"
	case len(list) > enough:
		list = append(list[:enough], "…")
	}
	return strings.Join(list, ", ")
}

// describe adds the place to errors of the JSON decoder that know it.
func describe(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("at byte %d: %w", syntax.Offset, err)
	}
	return err
}
