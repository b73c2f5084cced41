package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func exampleReport() *report {
	r := newReport(&settings{rounds: 3})
	r.Machine = machine{Cores: 2, Kernel: "Linux 6.18", Go: "go1.26", Arch: "amd64", Load: "0.12"}
	r.addRates("tcp", 40_000, rates{
		"floor":  {50_000, 60_000, 40_000},
		"net":    {30_000, 30_000, 20_000},
		"engine": {48_000, 60_000, 39_000},
		"k6":     {40_000, 45_000, 40_000},
	})
	r.add(figure{Name: "server's bytes per held connection", Value: spreadOf([]float64{301}), Target: 300, AtMost: true})
	r.add(figure{Name: "the same with a goroutine per connection", Value: spreadOf([]float64{3751})})
	return r
}

func TestTable(t *testing.T) {
	t.Parallel()
	want := `
2 cores (amd64), Linux 6.18, go1.26, load average before 0.12; 3 rounds, concurrency 64
` + legend + `connections per second   of      floor   net     engine   k6
TCP                      40000   50000   30000   48000    40000

                                           median   min..max     target
TCP: engine / floor                        0.97     0.96..1.00   >= 0.95   met
TCP: k6 / floor                            0.80     0.75..1.00   >= 0.85   missed
TCP: k6 / net                              1.50     1.33..2.00   >= 1.40   met
server's bytes per held connection         301                   <= 300    missed
the same with a goroutine per connection   3751                            
`
	var got strings.Builder
	require.NoError(t, exampleReport().print(&got))
	assert.Equal(t, want, got.String())
}

func TestJSON(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench.json")
	want := exampleReport()
	require.NoError(t, want.writeJSON(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	got := &report{order: want.order}
	require.NoError(t, json.Unmarshal(text, got))
	want.order, got.order = nil, nil // the contenders are no data
	assert.Equal(t, want, got)

	assert.ErrorContains(t, want.writeJSON(t.TempDir()), "flag -json")
}
