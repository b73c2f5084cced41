package mesh

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// methods are what a path answers to.
type methods map[string]http.HandlerFunc

// ServeHTTP implements http.Handler: it refuses other methods, and says which there are.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if handle, ok := m[method]; ok {
		handle(w, r)
		return
	}
	names := slices.Sorted(maps.Keys(m))
	if m[http.MethodGet] != nil {
		names = append(names, http.MethodHead)
	}
	allowed := strings.Join(names, ", ")
	w.Header().Set("Allow", allowed)
	err := refuse(http.StatusMethodNotAllowed, "method %s is not allowed here: use one of %s", method, allowed)
	if r.URL.Path == pathPeers {
		fail(w, err)
		return
	}
	http.Error(w, err.Error(), err.status)
}

func (m *Mesh) newRoutes() map[string]methods {
	get := func(handle http.HandlerFunc) methods { return methods{http.MethodGet: handle} }
	routes := map[string]methods{
		"/":            get(m.servePage),
		"/v1":          get(m.servePage),
		"/v1/page.css": get(asset("page.css", "text/css; charset=utf-8")),
		"/v1/page.js":  get(asset("page.js", "text/javascript; charset=utf-8")),
		"/v1/page.svg": get(asset("page.svg", "image/svg+xml")),
		pathPing:       get(m.servePing),
		pathPeers:      {http.MethodGet: m.servePeers, http.MethodPost: m.postPeer, http.MethodDelete: m.deletePeer},
		"/v1/addpeer":  {http.MethodGet: m.addPeer, http.MethodPost: m.addPeer},
		"/v1/metrics":  get(m.serveMetrics),
		"/memstats":    get(m.serveMemStats),
		pathRow:        get(m.serveRow),
		"/v1/matrix":   get(m.serveMatrix),
		pathFigures:    get(m.serveFigures),
	}
	if m.options.Environ != nil {
		routes["/v1/env"] = get(m.withToken(m.serveEnv))
	}
	if m.options.Quit != nil {
		routes["/v1/quit"] = methods{http.MethodGet: m.withToken(m.serveQuit), http.MethodPost: m.withToken(m.serveQuit)}
	}
	return routes
}

// pingBody is pingmesh's page. Clients take the location from its line as it is, so no more of it is escaped than HTML needs.
func pingBody(location string) []byte {
	location = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(location)
	return []byte("<html><head><title>" + location + "</title></head><body>\n<h1>pingResponse</h1>\n" +
		"<p>Served from " + location + "\n\n</body></html>\n")
}

// Pages for people, as pingmesh has them.
var (
	saidPage = template.Must(template.New("said").Parse(`<html><head><title>{{.Location}}</title></head><body>
<h1>{{.Title}}</h1>
<p>{{.Text}}
<p><a href="/v1/peers">List of peers</a>
</body></html>
`))
	formPage = template.Must(template.New("form").Parse(`<html><head><title>{{.}}</title></head><body>
<h1>Add a peer</h1>
<p>A URL to ping, such as http://host:8090/v1/ping, or with that server's own peers http://host:8090/v1/peers?addpeers=true
<form action="/v1/addpeer" method="post">
<p>URL <input name="url" size="60" required>
<p>IP <input name="ip"> (overrides DNS)
<p>Pings <input name="limit" size="6"> (0: no limit)
<p>Seconds between pings <input name="delay" size="6">
<p>Failures in a row until it is given up <input name="fails" size="6">
<p>Token <input name="token" type="password" autocomplete="off">
<p><input type="submit" value="Add">
</form>
</body></html>
`))
	envPage = template.Must(template.New("env").Parse(`<html><head><title>{{.Location}}</title></head><body>
<h1>Environment</h1>
<p>Served from {{.Location}}
<pre>
{{range .Environ}}{{.}}
{{end}}</pre>
</body></html>
`))
)

func serveHTML(w http.ResponseWriter, status int, page *template.Template, data any) {
	htmlHeader(w)
	w.WriteHeader(status)
	_ = page.Execute(w, data) // fails only if the client is gone
}

func htmlHeader(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "same-origin")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
}

// serveJSON is indented with a space after the colon, since pingmesh's clients look for "SrvLoc": "…" as text.
func serveJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // fails only if the client is gone
}

func (m *Mesh) servePing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(meshHeader, m.header())
	htmlHeader(w)
	_, _ = w.Write(m.pingBody)
}

func (m *Mesh) servePeers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(meshHeader, m.header())
	serveJSON(w, http.StatusOK, m.server())
}

func (m *Mesh) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	_, ended := m.list.gone()
	active := len(m.list.all())
	serveJSON(w, http.StatusOK, Metrics{
		AppStart: m.start.UTC().Truncate(time.Second), NumPeers: active + ended, NumActive: active, NumDeleted: ended,
		MemStats: memStats(),
	})
}

// serveMemStats tells the memory alone, at the path that perftest has for it.
func (m *Mesh) serveMemStats(w http.ResponseWriter, _ *http.Request) {
	serveJSON(w, http.StatusOK, memStats())
}

func memStats() MemStats {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	const mb = 1 << 20
	return MemStats{
		Measured: time.Now().UTC(), Active: memory.Mallocs - memory.Frees, AllocMB: memory.Alloc / mb,
		SystemMB: memory.Sys / mb, NumGC: memory.NumGC,
	}
}

func (m *Mesh) serveQuit(w http.ResponseWriter, r *http.Request) {
	m.options.Log.Warn("Asked to end over HTTP", "by", r.RemoteAddr)
	serveHTML(w, http.StatusOK, saidPage, map[string]any{
		"Location": m.options.Location, "Title": "Quit", "Text": fmt.Sprintf("Process %d ends, with %d peers.", os.Getpid(), len(m.list.all())),
	})
	m.options.Quit()
}
