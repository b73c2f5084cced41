package ping

import (
	"bytes"
	"encoding/json"
	"html"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// locationWithin is how far into an answer its peer's location is looked for.
const locationWithin = 8 << 10

// findLocation reads where the answering peer says it is: in pingmesh's page "Served from LOCATION" up to the line's end, in its
// list of peers "SrvLoc": "LOCATION". It is "" if neither is there, or not 1 to 255 bytes of printable UTF-8.
func findLocation(head []byte) string {
	name := inPage(head)
	if name == nil {
		name = inJSON(head)
	}
	if !reply.Valid(name) {
		return ""
	}
	return string(name)
}

func inPage(head []byte) []byte {
	_, rest, found := bytes.Cut(head, []byte("Served from "))
	if !found {
		return nil
	}
	if end := bytes.IndexAny(rest, "\r\n<"); end >= 0 {
		rest = rest[:end]
	}
	return []byte(html.UnescapeString(string(bytes.TrimSpace(rest))))
}

func inJSON(head []byte) []byte {
	_, rest, found := bytes.Cut(head, []byte(`"SrvLoc":`))
	if !found {
		return nil
	}
	var name string
	if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&name); err != nil {
		return nil
	}
	return []byte(name)
}
