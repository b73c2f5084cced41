package program

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// manifest is what matters here of a Kubernetes object.
type manifest struct {
	Kind string
	Spec struct {
		ClusterIP string `yaml:"clusterIP"`
		Template  struct {
			Spec struct {
				Containers []struct {
					Args []string
					Env  []struct{ Name string }
				}
			}
		}
	}
}

// The manifest's flags and variables are those that the server has.
func TestKubernetesManifest(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../examples/kubernetes/mesh.yaml")
	require.NoError(t, err)
	defer file.Close()
	found := map[string]manifest{}
	for documents := yaml.NewDecoder(file); ; {
		var m manifest
		if err := documents.Decode(&m); err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		found[m.Kind] = m
	}
	assert.Equal(t, "None", found["Service"].Spec.ClusterIP)
	container := found["DaemonSet"].Spec.Template.Spec.Containers[0]
	variables := map[string]string{}
	for _, variable := range container.Env {
		variables[variable.Name] = "from-" + variable.Name
	}
	s, err := parse(container.Args, environment(variables), io.Discard)
	require.NoError(t, err)
	require.True(t, s.inMesh)
	assert.Equal(t, "from-MCONNECT_LOCATION", s.mesh.Location)
	assert.Equal(t, "from-MCONNECT_TOKEN", s.mesh.Token)
	assert.Equal(t, "http://mesh.mesh.svc.cluster.local:8090/v1/ping", s.mesh.Discover[0].URL)
}
