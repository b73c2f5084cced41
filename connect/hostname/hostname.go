// Package hostname turns names of hosts into the form that DNS, TLS and HTTP know, so that every call reaches the same host by the
// same name.
package hostname

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// The most bytes of a name, and of each of its parts.
const (
	maxName  = 253
	maxLabel = 63
)

// ASCII returns the ASCII form of an internationalized name, as browsers do (UTS 46, RFC 5891): bücher.example is
// xn--bcher-kva.example, and ＬＯＣＡＬＨＯＳＴ is localhost. A name or an address that is ASCII already, "xn--…" included, is returned as
// it is. What comes out may be an address: １２７.０.０.１ is 127.0.0.1.
func ASCII(host string) (string, error) {
	if isASCII(host) {
		return host, nil
	}
	address, _, hasZone := strings.Cut(host, "%")
	if hasZone && strings.Contains(address, ":") {
		return host, nil // interfaces may have any name
	}
	if !utf8.ValidString(host) {
		return "", wrong(host, errors.New("it is not UTF-8"))
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err == nil {
		err = checkLength(ascii)
	}
	if err != nil {
		return "", wrong(host, err)
	}
	return ascii, nil
}

// checkLength holds a name against the limits of DNS (RFC 1035, 2.3.4).
func checkLength(ascii string) error {
	if len(strings.TrimSuffix(ascii, ".")) > maxName {
		return fmt.Errorf("it has more than %d bytes in DNS", maxName)
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(ascii, "."), ".") {
		if label == "" || len(label) > maxLabel {
			return fmt.Errorf("a part of it is empty, or has more than %d bytes in DNS", maxLabel)
		}
	}
	return nil
}

func wrong(host string, err error) error {
	return fmt.Errorf("%s is no name of a host (%s); want one that DNS can have, such as bücher.example or xn--bcher-kva.example",
		quote.Text(host, maxName), quote.Printable(quote.Cut(err.Error(), maxName)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
