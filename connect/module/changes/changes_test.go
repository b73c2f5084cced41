package changes_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/changes"
)

// What is announced has the parameters that are meant: one that is misspelt would let a change excuse the losses of all hosts.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for name, row := range map[string]struct {
		query, kind, body string
		status            int
		says              string
		hosts             []string
	}{
		"in the URL":       {"?text=restart&hosts=web-1,web-2&within=10s", "", "", http.StatusNoContent, "", []string{"web-1", "web-2"}},
		"in a form":        {"", form, "text=restart&hosts=web-1", http.StatusNoContent, "", []string{"web-1"}},
		"in both":          {"?text=restart", form, "hosts=web-1", http.StatusNoContent, "", []string{"web-1"}},
		"misspelt":         {"?text=restart&host=web-1", "", "", http.StatusBadRequest, `parameter "host" is unknown; want POST /change?text=…&hosts=web-1,web-2&within=10s`, nil},
		"misspelt in form": {"", form, "text=restart&host=web-1", http.StatusBadRequest, `parameter "host" is unknown`, nil},
		"no query at all":  {"?text=%zz", "", "", http.StatusBadRequest, "can't be read", nil},
		"a long form":      {"", form, "text=" + strings.Repeat("a", 100_000), http.StatusBadRequest, "can't be read", nil},
		"without a text":   {"?hosts=web-1", "", "", http.StatusBadRequest, "text", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l changes.Log
			r, w := httptest.NewRequest(http.MethodPost, "/change"+row.query, strings.NewReader(row.body)), httptest.NewRecorder()
			r.Header.Set("Content-Type", row.kind)
			l.ServeHTTP(w, r)
			assert.Equal(t, row.status, w.Code)
			assert.Contains(t, w.Body.String(), row.says)
			news := l.News()
			if row.hosts == nil {
				assert.Empty(t, news)
				return
			}
			if assert.Len(t, news, 1) {
				assert.Equal(t, row.hosts, news[0].Hosts)
			}
		})
	}
}
