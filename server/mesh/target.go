package mesh

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// maxURL is how many bytes a peer's URL may have.
const maxURL = 2048

// Paths of pingmesh's API.
const (
	pathPing  = "/v1/ping"
	pathPeers = "/v1/peers"
)

// A Target is what to ping, and how. The zero value of all but URL leaves it to Options.
type Target struct {
	URL      string        `json:"url"`
	IP       netip.Addr    `json:"ip,omitzero"`       // connected to in place of what DNS says
	Location string        `json:"location,omitzero"` // "" is what the peer says
	Delay    time.Duration `json:"delay,omitzero"`
	Limit    int           `json:"limit,omitzero"`    // below 0 is none
	MaxFail  int           `json:"maxfail,omitzero"`  // below 0 is none
	Follow   bool          `json:"addpeers,omitzero"` // the peer's peers are pinged too, and theirs
}

// ParseTarget reads URL[#location]. A query addpeers=true is Follow, and of a pingmesh server then /v1/ping is pinged, whichever
// of its pages was given.
func ParseTarget(text string) (Target, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxURL {
		return Target{}, fmt.Errorf("URL %.40q… has %d bytes: use at most %d", text, len(text), maxURL)
	}
	if !utf8.ValidString(text) {
		return Target{}, fmt.Errorf("URL %q is not UTF-8", text)
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text // as pingmesh does
	}
	u, err := ping.ParseURL(text)
	if err != nil {
		return Target{}, err //nolint:wrapcheck // says what was wrong
	}
	if u.User != nil {
		return Target{}, errors.New("the URL has a user or password: leave them out, as everybody can read the list of peers")
	}
	t := Target{Location: u.Fragment}
	if t.Location != "" && !reply.Valid([]byte(t.Location)) {
		return Target{}, fmt.Errorf("location %q: use at most %d bytes of printable UTF-8", t.Location, reply.MaxLength)
	}
	u.Fragment, u.RawFragment = "", ""
	t.Follow = takeFollow(u)
	if t.Follow && (u.Path == "" || u.Path == "/" || u.Path == pathPeers) {
		u.Path = pathPing
	}
	normalize(u)
	t.URL = u.String()
	return t, nil
}

// takeFollow takes addpeers=true out of the query.
func takeFollow(u *url.URL) bool {
	query := u.Query()
	if !query.Has("addpeers") {
		return false
	}
	follow := query.Get("addpeers") == "true"
	query.Del("addpeers")
	u.RawQuery = query.Encode()
	return follow
}

// normalize makes URLs of the same page equal.
func normalize(u *url.URL) {
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
}

// A key tells peers apart: the same URL at different addresses is different servers.
type key struct {
	url string
	ip  netip.Addr
}

func (t *Target) key() key {
	if base, ok := strings.CutSuffix(t.URL, pathPeers); ok {
		return key{base + pathPing, t.IP} // another page of the same server
	}
	return key{t.URL, t.IP}
}

// page is the URL of another page of the target's server, or "" if it does not look like a server of a mesh.
func (t *Target) page(path string) string {
	u, err := url.Parse(t.URL)
	if err != nil || u.Path != pathPing && u.Path != pathPeers {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}).String()
}

func (t *Target) host() string {
	u, err := url.Parse(t.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// complete fills in what Options say.
func (t *Target) complete(o *Options) error {
	if t.Delay == 0 {
		t.Delay = o.Delay
	}
	if t.Limit == 0 {
		t.Limit = o.Limit
	}
	if t.MaxFail == 0 {
		t.MaxFail = o.MaxFail
	}
	t.Limit = max(t.Limit, 0)
	return checkDelay(t.Delay)
}
