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
)

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

// Read reads what ctraffic -stats all, mconnect -output json, or a script with report(), or the result of traffic() or flood(), has
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
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return nil, fmt.Errorf("no recording: %w; want one JSON object, as written by %s", describe(err), names())
	}
	for _, f := range formats {
		if _, has := keys[f.key]; !has {
			continue
		}
		report, err := f.read(text)
		if err != nil {
			return nil, fmt.Errorf("%s, but: %w", f.name, describe(err))
		}
		return report, nil
	}
	return nil, fmt.Errorf("no recording: an object with %s; want one as written by %s", some(keys), names())
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
