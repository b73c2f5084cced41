package mesh

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A refusal is an error with the HTTP status that tells it.
type refusal struct {
	status int
	error
}

func (r refusal) Unwrap() error { return r.error }

func refuse(status int, format string, args ...any) refusal {
	return refusal{status, fmt.Errorf(format, args...)}
}

// statusOf is the HTTP status for an error.
func statusOf(err error) int {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.status
	}
	return http.StatusInternalServerError
}

// authorize refuses who may not change the list. Whoever can add peers can make this server call any address, so that takes the
// token; without one, only programs on this host may, and pages that a browser on this host shows may not.
func (m *Mesh) authorize(r *http.Request) error {
	if m.options.Token != "" {
		return m.checkToken(r)
	}
	const advice = "start the server with -token and send it as Authorization: Bearer TOKEN"
	switch {
	case !fromThisHost(r):
		return refuse(http.StatusForbidden, "without a token the list can be changed only from the server's own host: %s", advice)
	case crossSite(r):
		return refuse(http.StatusForbidden, "a page of another site can't change the list: %s", advice)
	}
	return nil
}

// checkToken looks for the token in the Authorization header, and in a form's body. It is not looked for in the URL, which
// proxies and browsers write down.
func (m *Mesh) checkToken(r *http.Request) error {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		given = r.PostFormValue("token")
	}
	given = strings.TrimSpace(given)
	want, have := sha256.Sum256([]byte(m.options.Token)), sha256.Sum256([]byte(given))
	switch {
	case subtle.ConstantTimeCompare(want[:], have[:]) == 1:
		return nil
	case given == "":
		return refuse(http.StatusUnauthorized, "this takes the server's token: send the header Authorization: Bearer TOKEN")
	}
	return refuse(http.StatusUnauthorized, "the token is wrong: send the one that the server was started with")
}

// withToken lets only callers with the token through.
func (m *Mesh) withToken(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := m.checkToken(r); err != nil {
			fail(w, err)
			return
		}
		handle(w, r)
	}
}

// ofProxies are headers of which a proxy that passes on a request adds at least one.
var ofProxies = []string{
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-Ip", "X-Client-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip",
}

// fromThisHost reports whether the caller is a program on this host, and not a proxy for another.
func fromThisHost(r *http.Request) bool {
	for _, name := range ofProxies {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// crossSite reports whether a browser sends the request for another site's page: it says so, or it came to this host under
// a name that is not this host's (DNS rebinding).
func crossSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !addr.Unmap().IsLoopback())
}

// fail tells an error as JSON.
func fail(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="mconnect-server"`)
	}
	serveJSON(w, status, struct {
		Error string `json:"error"`
	}{err.Error()})
}
