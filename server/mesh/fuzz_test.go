package mesh_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// Whatever is accepted can be pinged, and means the same when it is read again, as from a state file.
func FuzzParseTarget(f *testing.F) {
	for _, text := range []string{"http://a:8090/v1/ping#Oslo,NO", "https://[::1]:443/?addpeers=true&x=%20y", "a", "//a", "http://a/v1/peers?addpeers=true#", "http://A:80", "p/:8090@? /pin #", "http://bücher.example/ü?ö=ä b#ß", "a/ /%2f?%zz"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := mesh.ParseTarget(text)
		if err != nil {
			return
		}
		require.NoError(t, ping.CheckURL(first.URL))
		second, err := mesh.ParseTarget(first.URL)
		require.NoError(t, err)
		assert.Equal(t, first.URL, second.URL)
	})
}
