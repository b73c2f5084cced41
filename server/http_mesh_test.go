package server_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// Without a mesh, all paths are the slow listener's; with one, it keeps those that the mesh does not take.
func TestMeshAndSlowListener(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options server.Options
		taken   []string
	}{
		"no mesh": {server.Options{}, nil},
		"API":     {server.Options{Mesh: ofMesh(mesh.Options{Location: "here"})}, []string{"/memstats", "/v1", "/v1/ping", "/v1/x"}},
		"page":    {server.Options{Mesh: ofMesh(mesh.Options{Location: "here"}), MeshPage: true}, []string{"/", "/memstats", "/v1", "/v1/ping", "/v1/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startHTTP(t, row.options)
			var taken []string
			for _, path := range []string{"/", "/memstats", "/v1", "/v1/ping", "/v1/x", "/v2", "/notify", "/x/v1/ping"} {
				if _, body := fetch(t, s, "GET", path, ""); body != "OK" {
					taken = append(taken, path)
				}
			}
			assert.Equal(t, row.taken, taken)
			assert.EqualValues(t, 8-len(taken), s.Stats().HTTP.Served)
		})
	}
}

func TestMeshOnMetrics(t *testing.T) {
	t.Parallel()
	there := startHTTP(t, server.Options{Mesh: ofMesh(mesh.Options{Location: `the "far" \side{}=,`}), HTTPDelay: time.Hour})
	url := "http://" + there.HTTPAddr().String() + "/v1/ping"
	target, err := mesh.ParseTarget(url)
	require.NoError(t, err)
	here := startHTTP(t, server.Options{Mesh: ofMesh(mesh.Options{Location: name, Peers: []mesh.Target{target}, Delay: mesh.MinDelay})})
	var body string
	labels := `{from="web-1",ip="",to="the \"far\" \\side{}=,",url="` + url + `"}`
	require.Eventually(t, func() bool {
		_, body = fetch(t, here, "GET", "/metrics", "")
		return strings.Contains(body, "\nmconnect_mesh_pings_total"+labels) && !strings.Contains(body, "\nmconnect_mesh_pings_total"+labels+" 0\n")
	}, patience, often)
	assert.Contains(t, body, "\nmconnect_mesh_peers 1\n")
	assert.Contains(t, body, "\nmconnect_mesh_failures_total"+labels+" 0\n")
	for _, phase := range []string{"connect", "first_byte", "last_byte", "total"} {
		series := `{from="web-1",ip="",phase="` + phase + `",to="the \"far\" \\side{}=,",url="` + url + `"`
		assert.Contains(t, body, "\nmconnect_mesh_ping_duration_seconds_bucket"+series+`,le="0.001"}`)
		assert.Contains(t, body, "\nmconnect_mesh_ping_duration_seconds_count"+series+"}")
	}
	assert.NotContains(t, body, `phase="tls"`)
	_, peers := fetch(t, here, "GET", "/v1/peers", "")
	assert.Contains(t, peers, `"SrvPort": `+strings.Split(here.HTTPAddr().String(), ":")[1])
}

func TestMeshNeedsHTTP(t *testing.T) {
	t.Parallel()
	_, err := server.Start(server.Options{Address: "127.0.0.1:0", Mesh: ofMesh(mesh.Options{})})
	assert.ErrorContains(t, err, `HTTP "": the mesh is served there`)
	_, err = server.Start(server.Options{Address: "127.0.0.1:0", HTTP: "127.0.0.1:0", Mesh: ofMesh(mesh.Options{})})
	assert.ErrorContains(t, err, `Location "": not a location`)
}

// ofMesh starts a mesh as main does.
func ofMesh(options mesh.Options) func(netip.AddrPort) (server.Mesh, error) {
	return func(listening netip.AddrPort) (server.Mesh, error) {
		options.Port = int(listening.Port())
		return mesh.Start(options)
	}
}
