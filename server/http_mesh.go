package server

import (
	"errors"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// startMesh begins to ping, if asked for. The HTTP listener's port is known by then.
func (s *Server) startMesh() (*mesh.Mesh, error) {
	if s.options.Mesh == nil {
		return nil, nil //nolint:nilnil // no mesh is no mistake
	}
	options := *s.options.Mesh
	options.Log, options.Port = s.log, int(s.httpAddr.Port())
	if options.Hostname == "" {
		options.Hostname = s.options.Hostname
	}
	if options.Location == "" {
		options.Location = s.options.Hostname
	}
	m, err := mesh.Start(options)
	if wrong, ok := errors.AsType[*mesh.OptionError](err); ok {
		return nil, &OptionError{"Mesh." + wrong.Option, wrong.Value, wrong.Reason}
	}
	return m, err //nolint:wrapcheck // says what was wrong
}

// ofMesh are the paths that the mesh takes from the slow listener.
func ofMesh(path string) bool { return path == "/" || path == "/v1" || strings.HasPrefix(path, "/v1/") }
