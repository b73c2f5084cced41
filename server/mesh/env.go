package mesh

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const hidden = "(hidden)"

// secretWords are those of which names of secrets contain at least one.
const secretWords = `PASS|PWD|TOKEN|KEY|SECRET|CREDENTIAL|AUTH|PRIVATE|COOKIE|SIGNATURE|JWT|DSN|CONNECTION_?STR|CONN_?STR|WEBHOOK`

var (
	secretName = regexp.MustCompile(`(?i)` + secretWords)
	// secretValue is one that is a secret whatever its name: a private key, or a JSON web token.
	secretValue = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]+\.[\w-]+\.[\w-]*`)
	// secretUser is what is between the scheme and the host of a URL, a user's name too, since that may be a token. A password may contain
	// anything if it is not escaped, even another @, so the last one counts.
	secretUser = regexp.MustCompile(`(?s)(://).*@`)
	// secretParameter is a part of a value: of a query, a connection string, a command line or JSON.
	secretParameter = regexp.MustCompile(`(?i)((?:[\w.-]*(?:` + secretWords + `|SIG\b|SAS\b)[\w.-]*)["']?\s*[=:]\s*["']?)(?:(?:Bearer|Basic)\s+)?[^\s&;,"'}]+`)
)

// notSecret are names that only look like those of secrets.
var notSecret = []string{"PWD", "OLDPWD"}

// serveEnv shows the environment, but not what must stay secret.
func (m *Mesh) serveEnv(w http.ResponseWriter, _ *http.Request) {
	variables := m.options.Environ()
	shown := make([]string, len(variables))
	for i, variable := range variables {
		shown[i] = m.masked(variable)
	}
	slices.Sort(shown)
	serveHTML(w, http.StatusOK, envPage, map[string]any{"Location": m.options.Location, "Environ": shown})
}

// masked is a variable, NAME=value, with what must stay secret hidden.
func (m *Mesh) masked(variable string) string {
	name, value, ok := strings.Cut(variable, "=")
	if !ok || slices.Contains(notSecret, name) {
		return variable
	}
	if secretName.MatchString(name) || secretValue.MatchString(value) {
		return name + "=" + hidden
	}
	if m.options.Token != "" {
		value = strings.ReplaceAll(value, m.options.Token, hidden)
	}
	value = secretUser.ReplaceAllString(value, "${1}"+hidden+"@")
	return name + "=" + secretParameter.ReplaceAllString(value, "${1}"+hidden)
}
