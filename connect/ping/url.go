package ping

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/hostname"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// ParseURL reads the URL of a ping: absolute, http or https, with a host. As browsers do (WHATWG URL), it percent-encodes what can't stand
// in a request line, such as spaces and other languages' letters in path and query; escapes that are there already stay. The host becomes
// the one that DNS has: xn--bcher-kva.example for bücher.example. Control characters anywhere are an error, which says what can be pinged.
func ParseURL(text string) (*url.URL, error) {
	const accepted = "want http://host[:port]/path or https://…"
	shown := quote.Text(text, shownInput)
	if len(text) > maxRequest {
		return nil, fmt.Errorf("URL %s: got %d bytes; want at most %d", shown, len(text), maxRequest)
	}
	u, err := url.Parse(encoded(strings.Trim(text, " ")))
	switch {
	case err != nil:
		return nil, fmt.Errorf("URL %s: %w; %s", shown, quote.Error(errors.Unwrap(err)), accepted)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("URL %s: the scheme is %s; %s", shown, quote.Text(u.Scheme, shownInput), accepted)
	case u.Hostname() == "":
		return nil, fmt.Errorf("URL %s has no host; %s", shown, accepted)
	}
	if u.Host, err = hostHeader(u.Host); err != nil {
		return nil, fmt.Errorf("URL %s: the host is %w; %s", shown, err, accepted)
	}
	host, port, err := endpoint(u)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("URL %s: the port is %s; want 1 to 65535", shown, quote.Cut(u.Port(), shownInput))
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "" {
		return nil, fmt.Errorf("URL %s: a link-local address needs the interface that it is on; want http://[%s%%25eth0]/, for example", shown, addr)
	}
	return u, nil
}

// CheckURL says why a text can't be pinged, and what can; nil if it can.
func CheckURL(text string) error {
	_, err := ParseURL(text)
	return err
}

// Bytes that stand in a URL's path and query as they are, besides letters and digits. Others are percent-encoded; what a URL's parser
// refuses, or takes for the end of a part, is left to it.
const (
	inPath  = "!$&'()*+,-./:;=@[]_~%"
	inQuery = "!$&'()*+,-./:;=@[]_~%?\\^`{|}"
)

// encoded percent-encodes the path, the query and the fragment of a URL's text where they need it.
func encoded(text string) string {
	at := strings.Index(text, "://")
	if at < 0 {
		return text
	}
	at += len("://")
	if length := strings.IndexAny(text[at:], "/?#"); length >= 0 {
		at += length
	} else {
		return text
	}
	path, fragment, hasFragment := strings.Cut(text[at:], "#")
	path, query, hasQuery := strings.Cut(path, "?")
	var out strings.Builder
	out.WriteString(text[:at])
	encode(&out, path, inPath)
	if hasQuery {
		out.WriteByte('?')
		encode(&out, query, inQuery)
	}
	if hasFragment {
		out.WriteByte('#')
		encode(&out, fragment, inQuery)
	}
	return out.String()
}

func encode(out *strings.Builder, text, plain string) {
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(plain, c) >= 0:
			out.WriteByte(c)
		case c < ' ' || c == 0x7f:
			out.WriteByte(c) // which the parser refuses
		default:
			fmt.Fprintf(out, "%%%02X", c)
		}
	}
}

// hostHeader is a host, with a port or without, as a request can name it.
func hostHeader(hostPort string) (string, error) {
	u := url.URL{Host: hostPort}
	host, err := hostname.ASCII(u.Hostname())
	switch {
	case err != nil:
		return "", err
	case host != u.Hostname():
		hostPort = strings.TrimSuffix(host+":"+u.Port(), ":")
	}
	if !httpguts.ValidHostHeader(hostPort) {
		return "", fmt.Errorf("%s, which is neither a name nor an address", quote.Text(u.Hostname(), shownInput))
	}
	return hostPort, nil
}

// endpoint is where to connect to.
func endpoint(u *url.URL) (host string, port uint16, err error) {
	text := u.Port()
	if text == "" {
		text = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return u.Hostname(), uint16(n), err
}
