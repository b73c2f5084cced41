package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// maxBody is how large the body of a request may be.
const maxBody = 64 << 10

// postPeer adds the peer that a JSON body describes, such as {"url": "http://host:8090/v1/ping", "delay": "10s", "addpeers": true}.
func (m *Mesh) postPeer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := m.authorize(r); err != nil {
		fail(w, err)
		return
	}
	t, err := readPeer(r.Body)
	if err != nil {
		fail(w, err)
		return
	}
	p, created, err := m.ask(t)
	switch {
	case err != nil:
		fail(w, err)
	case created:
		serveJSON(w, http.StatusCreated, p.wire())
	default:
		serveJSON(w, http.StatusOK, p.wire())
	}
}

// number is one of JSON, or text that holds one, or a duration.
type number string

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*n = number(text)
	return nil
}

// request is a peer that is asked for.
type request struct {
	URL      string `json:"url"`
	IP       string `json:"ip"`
	Location string `json:"location"`
	Limit    number `json:"limit"`
	Delay    number `json:"delay"`
	Fails    number `json:"fails"`
	AddPeers bool   `json:"addpeers"`
}

func readPeer(body io.Reader) (Target, error) {
	const accepted = `want {"url": "http://host:port/v1/ping"} and, if need be, "ip", "location", "limit", "delay", "fails", "addpeers"`
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	var asked request
	err := decoder.Decode(&asked)
	if err == nil && decoder.More() {
		err = errors.New("something follows it")
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Target{}, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes: %s", tooLarge.Limit, accepted)
	}
	if err != nil {
		return Target{}, refuse(http.StatusBadRequest, "the body is not a peer in JSON: %w: %s", err, accepted)
	}
	t, err := asked.target()
	if err != nil {
		return Target{}, refusal{http.StatusBadRequest, err}
	}
	return t, nil
}

func (r *request) target() (Target, error) {
	text := r.URL
	if strings.TrimSpace(text) == "" {
		return Target{}, errNoURL
	}
	if r.Location != "" {
		text, _, _ = strings.Cut(text, "#")
		text += "#" + url.PathEscape(r.Location)
	}
	t, err := ParseTarget(text)
	if err != nil {
		return t, err
	}
	if r.AddPeers && !t.Follow {
		follow, err := ParseTarget(withFollow(text))
		if err != nil {
			return t, err
		}
		t = follow
	}
	if r.IP != "" {
		if t.IP, err = netip.ParseAddr(r.IP); err != nil {
			return t, fmt.Errorf("ip %q: not an address such as 10.0.0.1 or 2001:db8::1", r.IP)
		}
		t.IP = t.IP.Unmap()
	}
	if t.Limit, err = count("limit", string(r.Limit)); err != nil {
		return t, err
	}
	if t.MaxFail, err = count("fails", string(r.Fails)); err != nil {
		return t, err
	}
	t.Delay, err = ParseDelay(string(r.Delay))
	return t, err
}

var errNoURL = errors.New("url is missing: it says what to ping, such as http://host:8090/v1/ping")

func withFollow(text string) string {
	address, location, _ := strings.Cut(text, "#")
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + "addpeers=true#" + location
}

// count reads a limit of a Target: "" leaves it to the server, 0 is none.
func count(name, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s %q: not a number from 0 to 2147483647", name, text)
	}
	if n == 0 {
		return -1, nil
	}
	return int(n), nil // #nosec G115 -- 31 bits
}

// ParseDelay reads seconds, as pingmesh has them, or a duration such as 500ms. "" and 0 are the server's own delay.
func ParseDelay(text string) (time.Duration, error) {
	if text == "" || text == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if seconds, wrong := strconv.ParseUint(text, 10, 31); wrong == nil {
		d, err = time.Duration(seconds)*time.Second, nil // #nosec G115 -- 31 bits
	}
	if err != nil {
		return 0, fmt.Errorf("delay %q: not a number of seconds, nor a duration such as 500ms or 1m", text)
	}
	if err := checkDelay(d); err != nil {
		return 0, fmt.Errorf("delay %q: %w", text, err)
	}
	return d, nil
}

// ask adds a peer for a caller, or finds the one that there is.
func (m *Mesh) ask(t Target) (p *peer, created bool, err error) {
	err = m.add(m.ctx, newcomer{Target: t, from: asked})
	_, full := errors.AsType[fullError](err)
	switch {
	case isKnown(err):
	case errors.Is(err, ping.ErrBlocked):
		return nil, false, refusal{http.StatusForbidden, err}
	case full:
		return nil, false, refusal{http.StatusInsufficientStorage, err}
	case errors.Is(err, errClosed):
		return nil, false, refusal{http.StatusServiceUnavailable, err}
	case err != nil:
		return nil, false, refusal{http.StatusBadRequest, err}
	}
	found := m.list.find(t.key(), false)
	if len(found) == 0 {
		return nil, false, refuse(http.StatusConflict, "%s was deleted at the same moment", t.URL)
	}
	if err == nil {
		m.options.Log.Info("Peer added", "url", t.URL)
	}
	return found[0], err == nil, nil
}

// deletePeer ends the pings of ?url=…, at ?ip=… or any address, or those of {"url": …, "ip": …}.
func (m *Mesh) deletePeer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := m.authorize(r); err != nil {
		fail(w, err)
		return
	}
	t, err := whichPeer(r)
	if err != nil {
		fail(w, refuse(statusOf(err), "%w: say which peer, as in DELETE /v1/peers?url=http%%3A%%2F%%2Fhost%%3A8090%%2Fv1%%2Fping", err))
		return
	}
	everywhere := !t.IP.IsValid()
	found := m.list.find(t.key(), everywhere)
	if len(found) == 0 {
		found = m.list.findAt(t.key()) // as the list tells them
	}
	for _, p := range found {
		m.remove(p, absence{})
	}
	if m.list.forget(t.key(), everywhere) {
		m.save()
	} else if len(found) == 0 {
		fail(w, refuse(http.StatusNotFound, "no peer has the URL %s; GET /v1/peers lists them", t.URL))
		return
	}
	m.options.Log.Info("Peer deleted", "url", t.URL)
	serveJSON(w, http.StatusOK, wirePeers(found))
}

// whichPeer reads a peer from the query, or, if that names none, from the body.
func whichPeer(r *http.Request) (Target, error) {
	query := r.URL.Query()
	switch named := query.Has("url"); {
	case named && r.ContentLength != 0:
		return Target{}, refuse(http.StatusBadRequest, "there is a query and a body: use one of them")
	case !named && r.ContentLength != 0:
		return readPeer(r.Body)
	}
	asked := request{URL: query.Get("url"), IP: query.Get("ip")}
	t, err := asked.target()
	if err != nil {
		return t, refusal{http.StatusBadRequest, err}
	}
	return t, nil
}

// addPeer is pingmesh's way to add a peer: ?url=…&ip=…&limit=…&delay=…&fails=…, or a form if there is no query.
func (m *Mesh) addPeer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.Method != http.MethodPost && r.URL.RawQuery == "" {
		serveHTML(w, http.StatusOK, formPage, m.options.Location)
		return
	}
	status := http.StatusOK
	var text string
	p, created, err := m.addFromForm(r)
	switch {
	case err != nil:
		status, text = statusOf(err), "Error: "+err.Error()
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="mconnect-server"`)
		}
	case created:
		text = "Added a new peer: " + p.URL
	default:
		text = "The peer was in the list already: " + p.URL
	}
	serveHTML(w, status, saidPage, map[string]any{"Location": m.options.Location, "Title": "Add a peer", "Text": text})
}

func (m *Mesh) addFromForm(r *http.Request) (p *peer, created bool, err error) {
	if err := r.ParseForm(); err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, false, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", tooLarge.Limit)
		}
		return nil, false, refuse(http.StatusBadRequest, "%w: send url=… and, if need be, ip, limit, delay and fails", err)
	}
	if err := m.authorize(r); err != nil {
		return nil, false, err
	}
	asked := request{
		URL: r.Form.Get("url"), IP: strings.TrimSpace(r.Form.Get("ip")),
		Limit: number(r.Form.Get("limit")), Delay: number(r.Form.Get("delay")), Fails: number(r.Form.Get("fails")),
		AddPeers: r.Form.Get("addpeers") == "true",
	}
	t, err := asked.target()
	if err != nil {
		return nil, false, refusal{http.StatusBadRequest, err}
	}
	return m.ask(t)
}
