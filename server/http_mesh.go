package server

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// A Mesh makes the HTTP listener a part of a mesh of servers that measure each other. Package mesh implements it; whoever starts a server
// passes it in Options, so that this package does not depend on the client's side.
type Mesh interface {
	http.Handler         // for "/", "/memstats", "/v1" and all below it
	prometheus.Collector // on /metrics
	// Stop ends all pings and waits for every goroutine. Requests are answered after it, too.
	Stop()
}

// startMesh begins to ping, if asked for. The HTTP listener's port is known by then.
func (s *Server) startMesh() (Mesh, error) {
	if s.options.Mesh == nil {
		return nil, nil //nolint:nilnil // no mesh is no mistake
	}
	return s.options.Mesh(s.httpAddr)
}

// ofMesh reports whether the mesh has taken a path from the slow listener.
func (h *httpService) ofMesh(path string) bool {
	switch {
	case h.mesh == nil:
		return false
	case path == "/":
		return h.server.options.MeshPage
	}
	return path == "/v1" || path == "/memstats" || strings.HasPrefix(path, "/v1/")
}
