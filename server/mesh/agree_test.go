package mesh_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// figuresLink is that of a cell, after its title.
var figuresLink = regexp.MustCompile(`^"><a href="([^"]*)"`)

// startDead is a mesh of a server that answers and one that only says 503, after several pings that nobody adds to any more.
func startDead(t *testing.T) *node {
	t.Helper()
	peer := serve(t, pingmesh("there"))
	// Not a port that nobody listens on: a test beside this one may be given it.
	gone := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/v1/ping"), target(t, gone+"/v1/ping#gone")}})
	n.eventually(t, "pings", func(s mesh.Server) bool { return s.Peers[0].Pings > 3 && s.Peers[1].Fails > 3 })
	n.Stop()
	return n
}

// What the page shows of a cell, and what it opens to, is in the API under names of its own.
func TestPageAndAPIAgree(t *testing.T) {
	t.Parallel()
	n := startDead(t)
	var told mesh.Matrix
	require.NoError(t, json.Unmarshal([]byte(n.get(t, "/v1/matrix")), &told))
	page := html.UnescapeString(n.get(t, "/"))

	require.Len(t, told.Down, 1)
	o := told.Down[0]
	assert.Equal(t, []any{"gone", []string{"here"}, 1}, []any{o.Server, o.By, o.Of})
	assert.Contains(t, page, `<h2 class="bad">1 down now</h2>`)
	assert.Contains(t, page, "<strong>gone</strong> does not answer here since <time>"+o.Since.Format("15:04:05 MST"))
	assert.Contains(t, page, o.Error)
	assert.Equal(t, []bool{false}, told.Stale)
	assert.NotContains(t, page, `<tr class="stale">`)

	require.Len(t, told.Cells, 1)
	for column, cell := range told.Cells[0] {
		if cell == nil {
			continue
		}
		title := fmt.Sprintf("here → %s: ", told.Columns[column])
		if cell.Down {
			title += fmt.Sprintf("down since %s; in the last hour ", cell.Since.Format("15:04:05 MST"))
		} else {
			title += fmt.Sprintf("median %.3f ms, 95 %% below %.3f ms, ", cell.Median, cell.P95)
		}
		title += fmt.Sprintf("%d of %d pings lost", cell.Lost, cell.Pings)
		if cell.Error != "" {
			title += "\n" + cell.Error
		}
		_, after, found := strings.Cut(page, title)
		require.True(t, found, title)
		link := figuresLink.FindStringSubmatch(after)
		require.NotNil(t, link, after)
		n.agrees(t, link[1], cell)
	}
}

// agrees compares the figures that a cell opens to.
func (n *node) agrees(t *testing.T, link string, cell *mesh.Cell) {
	t.Helper()
	opened := html.UnescapeString(n.get(t, link))
	if cell.Down {
		assert.Contains(t, opened, fmt.Sprintf("the last %d pings were lost", cell.Failing))
		assert.Contains(t, opened, "since "+cell.Since.Format("15:04:05 MST"))
	} else {
		assert.Contains(t, opened, "last answer "+cell.Answered.Format("15:04:05 MST"))
	}
	assert.Contains(t, opened, fmt.Sprintf("In the last hour %d pings, %d lost", cell.Pings, cell.Lost))
	told, err := json.Marshal(cell.Phases)
	require.NoError(t, err)
	var phases map[string]mesh.Phase
	require.NoError(t, json.Unmarshal(told, &phases))
	require.Len(t, phases, 6)
	for name, phase := range phases {
		line := `<th scope="row">` + strings.ReplaceAll(name, "_", " ") + `</th>`
		for _, ms := range []float32{phase.Last, phase.Mean, phase.Max} {
			text := "–"
			if ms > 0 {
				text = fmt.Sprintf("%.3f", ms)
			}
			line += `<td class="n">` + text + `</td>`
		}
		assert.Contains(t, opened, line)
	}
	assert.Equal(t, cell.Down, phases["total"].Mean == 0)
}

// The figures of who is not in the matrix are not found, whatever is asked for.
func TestFiguresOfNobody(t *testing.T) {
	t.Parallel()
	n := startDead(t)
	row := regexp.MustCompile(`/v1/figures\?from=\w+`).FindString(n.get(t, "/"))
	assert.Contains(t, n.get(t, row), "<h1>From here</h1>")
	for name, path := range map[string]string{
		"nothing":    "/v1/figures",
		"a script":   "/v1/figures?from=<script>alert(1)</script>",
		"no pair":    row + "&to=<script>alert(1)</script>",
		"from to to": "/v1/figures?from=&to=",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := do(t, n.request(t, http.MethodGet, strings.ReplaceAll(path, " ", "+"), ""))
			assert.Equal(t, http.StatusNotFound, response.StatusCode)
			assert.NotContains(t, body, "<script>")
			assert.Contains(t, body, "in the mesh again")
		})
	}
}
