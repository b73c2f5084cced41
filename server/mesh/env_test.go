package mesh_test

import (
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// What must stay secret is hidden, whatever the form, and the rest is shown as it is.
func TestEnvShowsNoSecret(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"AWS_SECRET_ACCESS_KEY=hunter2":                                "AWS_SECRET_ACCESS_KEY=(hidden)",
		"AWS_SESSION_TOKEN=hunter2":                                    "AWS_SESSION_TOKEN=(hidden)",
		"DB_PASSWORD=hunter2":                                          "DB_PASSWORD=(hidden)",
		"db_passwd=hunter2=hunter2":                                    "db_passwd=(hidden)",
		"MYSQL_PWD=hunter2":                                            "MYSQL_PWD=(hidden)",
		"GOOGLE_CREDENTIALS={\"a\": \"hunter2\"}":                      "GOOGLE_CREDENTIALS=(hidden)",
		"MYSQL_DSN=user:hunter2@tcp(10.0.0.1:3306)/db":                 "MYSQL_DSN=(hidden)",
		"DATABASE_URL=postgres://user:hunter2@10.0.0.1/db":             "DATABASE_URL=postgres://(hidden)@10.0.0.1/db",
		"HTTPS_PROXY=http://u:hunter2@2/x?#hunter2@proxy:3128/":        "HTTPS_PROXY=http://(hidden)@proxy:3128/",
		"REPOSITORY=https://hunter2@git.example/x":                     "REPOSITORY=https://(hidden)@git.example/x",
		"UPSTREAMS=http://a:hunter2@a http://b:hunter2@b":              "UPSTREAMS=http://(hidden)@b",
		"ODD=amqp://u:hun ter2@mq/":                                    "ODD=amqp://(hidden)@mq/",
		"HOOK=https://example.com/?id=7&access_token=hunter2&x=y":      "HOOK=https://example.com/?id=7&access_token=(hidden)&x=y",
		"STORAGE=AccountName=a;AccountKey=hunter2;Suffix=b":            "STORAGE=AccountName=a;AccountKey=(hidden);Suffix=b",
		"JAVA_OPTS=-Xmx1g -Ddb.password=hunter2 -Dx=y":                 "JAVA_OPTS=-Xmx1g -Ddb.password=(hidden) -Dx=y",
		"CONFIG={\"user\": \"a\", \"password\": \"hunter2\"}":          "CONFIG={\"user\": \"a\", \"password\": \"(hidden)\"}",
		"HEADERS=Authorization: Bearer hunter2":                        "HEADERS=Authorization: (hidden)",
		"IDENTITY=-----BEGIN RSA PRIVATE KEY-----hunter2":              "IDENTITY=(hidden)",
		"SESSION=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2": "SESSION=(hidden)",
		"COPY=is " + token:                                             "COPY=is (hidden)",
		"SAS_URL=https://a.blob.example/c?sv=2020&sig=hunter2":         "SAS_URL=https://a.blob.example/c?sv=2020&sig=(hidden)",
	}
	plain := []string{
		"PATH=/bin:/usr/bin", "PWD=/root", "OLDPWD=/", "HOME=/root", "LANG=C.UTF-8", "no name", "EMPTY=", "PEER=http://10.0.0.2:8090/v1/ping?addpeers=true#Oslo,NO",
		"MAIL=me@example.com", "OPTIONS=a=b c=d", "LIST=http://a/x,http://b/y",
	}
	environ, want := slices.Clone(plain), slices.Clone(plain)
	for given, shown := range secrets {
		environ, want = append(environ, given), append(want, shown)
	}
	n := begin(t, mesh.Options{Token: token, Environ: func() []string { return environ }})
	request := n.request(t, http.MethodGet, "/v1/env", "")
	request.Header.Set("Authorization", "Bearer "+token)
	response, body := do(t, request)
	require.Equal(t, 200, response.StatusCode)
	_, page, _ := strings.Cut(html.UnescapeString(body), "<pre>\n")
	page, _, _ = strings.Cut(page, "</pre>")
	assert.ElementsMatch(t, want, strings.Split(strings.TrimSuffix(page, "\n"), "\n"))
	assert.NotContains(t, body, "hunter2")
	assert.NotContains(t, body, token)
	for given := range secrets {
		assert.Contains(t, environ, given, "the environment itself is untouched")
	}
}
