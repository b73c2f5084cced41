package mesh_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// heap is how much memory is in use, and how much the process has ever had for it.
func heap() (inUse, most int64) {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc), int64(memory.HeapSys)
}

// withRow is a server of a mesh, "i", that answers with a row.
func withRow(row string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Mconnect-Mesh", "i 1")
		if r.URL.Path == "/v1/row" {
			_, _ = w.Write([]byte(row))
		}
	})
}

// cellsOf are those of the row that a matrix has of another server.
func (n *node) cellsOf(t *testing.T, place string) (cells int, told mesh.Matrix) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(n.get(t, "/v1/matrix")), &told))
	for i, name := range told.Rows {
		for _, cell := range told.Cells[i] {
			if name == place && cell != nil {
				cells++
			}
		}
	}
	return cells, told
}

// A row of 250,000 peers takes no more than one of 200.
func TestHostileRowTakesLittleMemory(t *testing.T) {
	var cells strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&cells, `{"url":"a%d"},`, i%1000)
	}
	row := `{"instance": "i", "location": "there", "peers": [` + strings.TrimSuffix(cells.String(), ",") + `]}`
	cells.Reset()
	require.Less(t, len(row), 4<<20)
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, serve(t, withRow(row))+"/v1/ping")}})
	n.eventually(t, "it answers", func(s mesh.Server) bool { return s.Peers[0].Pings > 0 })
	inUse, most := heap()
	require.Eventually(t, func() bool {
		cells, _ := n.cellsOf(t, "there")
		return cells > 0
	}, patience, often)
	inUseNow, mostNow := heap()
	assert.Less(t, inUseNow-inUse, int64(16<<20))
	assert.Less(t, mostNow-most, int64(64<<20))
}

// Of a long row those peers are kept that have rows themselves, wherever they are in it.
func TestLongRowKeepsWhatIsInTheMatrix(t *testing.T) {
	t.Parallel()
	var instance string
	started := make(chan struct{})
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Mconnect-Mesh", "other 1")
	}))
	row := func() string {
		var cells strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&cells, `{"url":"http://a/%d","location":"x"},`, i)
		}
		return fmt.Sprintf(`{"Extra": [{"a": [1, null, {}]}], "instance": "i", "location": "there", "peers": [%s
			{"url": "http://b/", "instance": "other", "location": "that"},
			{"url": "http://c/", "instance": %q, "location": "this"}], "more": {}}`, cells.String(), instance)
	}
	peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-started
		withRow(row()).ServeHTTP(w, r)
	}))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/v1/ping"), target(t, other+"/v1/ping#that")}})
	instance, _, _ = strings.Cut(n.header(t), " ")
	close(started)
	n.eventually(t, "both answer", func(s mesh.Server) bool { return s.Peers[0].Pings > 0 && s.Peers[1].Pings > 0 })
	var told mesh.Matrix
	require.Eventually(t, func() bool {
		var cells int
		cells, told = n.cellsOf(t, "there")
		return cells > 0
	}, patience, often)
	assert.Len(t, told.Columns, 200)
	row0 := map[string]string{}
	for i, cell := range told.Cells[1] {
		if cell != nil && cell.Instance != "" {
			row0[cell.Instance] = told.Columns[i]
		}
	}
	assert.Equal(t, []string{"here", "there"}, told.Rows)
	assert.Contains(t, row0[instance], "here")
	assert.Contains(t, row0["other"], "that")
}

// header is what this server tells others with each answer.
func (n *node) header(t *testing.T) string {
	t.Helper()
	response, _ := do(t, n.request(t, http.MethodGet, "/v1/ping", ""))
	return response.Header.Get("Mconnect-Mesh")
}

// However many peers let their lists be waited for, a few are read at once, and descriptors are set aside for them.
func TestListsAtOnce(t *testing.T) {
	t.Parallel()
	const peers = 20
	var asked atomic.Int64
	options := mesh.Options{MaxPeers: peers}
	for range peers {
		peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/peers" {
				asked.Add(1)
				<-r.Context().Done()
			}
		}))
		options.Peers = append(options.Peers, target(t, peer+"/v1/ping?addpeers=true"))
	}
	assert.Equal(t, 2*peers+16+8, options.Descriptors())
	n := begin(t, options)
	n.eventually(t, "several pings of each", func(s mesh.Server) bool {
		for _, p := range s.Peers {
			if p.Pings < 5 {
				return false
			}
		}
		return true
	})
	assert.EqualValues(t, 8, asked.Load())
}

// What is no list, or too large in any way, is refused, and costs little.
func TestHostileLists(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ list, message string }{
		"not JSON":       {"<html>", "not a list of peers: invalid character"},
		"an array":       {"[]", "no { where there should be one"},
		"a number":       {`{"Peers": 5}`, "no [ where there should be one"},
		"not whole":      {`{"Peers": [{"Url": "http://a/"}`, "EOF"},
		"a long string":  {`{"Peers": [{"Url": "` + strings.Repeat("x", 1<<20) + `"}]}`, "a value has more than 65536 bytes"},
		"blank":          {`{"Peers": [` + strings.Repeat(" ", 1<<20) + `]}`, "a value has more than 65536 bytes"},
		"deep":           {`{"x": ` + strings.Repeat("[", 1<<20), "values within values, more than 100 deep"},
		"without an end": {`{"x": [` + strings.Repeat(`"`+strings.Repeat("x", 1000)+`",`, 5000), "the answer has more than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/peers" {
					_, _ = w.Write([]byte(row.list))
				}
			}))
			log := &text{}
			begin(t, mesh.Options{Log: slog.New(slog.NewTextHandler(log, nil)), Peers: []mesh.Target{target(t, peer+"/v1/ping?addpeers=true")}})
			require.Eventually(t, func() bool { return strings.Contains(log.String(), "The peer's peers are not known") }, patience, often)
			assert.Contains(t, log.String(), row.message)
		})
	}
}

// Who says later that it is a server that is known already does not get to tell that one's row.
func TestRowOfTheOldest(t *testing.T) {
	t.Parallel()
	there := serve(t, withRow(`{"instance": "i", "location": "there", "peers": []}`))
	liar := serve(t, withRow(`{"instance": "i", "location": "liar", "peers": []}`))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, there+"/v1/ping"), target(t, liar+"/v1/ping")}})
	n.eventually(t, "both answer", func(s mesh.Server) bool { return s.Peers[0].Pings > 0 && s.Peers[1].Pings > 0 })
	var told mesh.Matrix
	require.Eventually(t, func() bool {
		_, told = n.cellsOf(t, "there")
		return len(told.Rows) == 2
	}, patience, often)
	assert.Contains(t, told.Rows[1], "there")
}
