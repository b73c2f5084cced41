package source

import (
	"fmt"
	"strconv"
	"strings"
)

// Ports is a range of source ports, both ends included. The zero value leaves the choice to the operating system.
type Ports struct {
	First, Last uint16
}

// ParsePorts reads a range such as "10000-20000", or a single port.
func ParsePorts(text string) (Ports, error) {
	const accepted = "want a range of ports such as 10000-20000, within 1 to 65535"
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	if err != nil || first == 0 {
		return Ports{}, fmt.Errorf("%q in %q is not a port; %s", from, text, accepted)
	}
	last, err := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	if err != nil || last == 0 {
		return Ports{}, fmt.Errorf("%q in %q is not a port; %s", to, text, accepted)
	}
	if last < first {
		return Ports{}, fmt.Errorf("%q ends before it begins; %s", text, accepted)
	}
	return Ports{First: uint16(first), Last: uint16(last)}, nil
}

// Count is the number of ports; 0 leaves the choice to the operating system.
func (p Ports) Count() uint64 {
	if p.First == 0 {
		return 0
	}
	return uint64(p.Last-p.First) + 1
}

// String is the range as ParsePorts reads it, or "" for the zero value.
func (p Ports) String() string {
	if p.First == 0 {
		return ""
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}
