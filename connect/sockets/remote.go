package sockets

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

const (
	// Path is where the companion server tells its host's socket table.
	Path = "/sockets"

	remoteTimeout = 10 * time.Second
	remoteHeader  = 16 << 10 // bytes
	remoteAnswer  = 64 << 10 // bytes, some hundred times what a table takes
	remoteAdvice  = "start mconnect-server -http host:port on that host, and give http://host:port"

	descriptorAdvice = "raise the limit of file descriptors (ulimit -n) or hold fewer connections"
)

// A Way is how to reach a companion server. The zero value is the system's.
type Way struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	TLS  *tls.Config
}

// Fetch is Count on the host where a companion server listens with -http at base, such as http://10.0.0.1:8090. It waits
// for 10 s at most.
func Fetch(ctx context.Context, way Way, base string, q Query) (Table, error) {
	target, err := remoteURL(base, q)
	if err != nil {
		return Table{}, err
	}
	table, err := fetch(ctx, way.client(), target)
	if err != nil {
		return Table{}, fmt.Errorf("socket table from %s: %w", target.Redacted(), err)
	}
	return table, nil
}

// client trusts the host no further than it must: it follows it nowhere else, and reads no more than a table takes. Each
// request has a connection of its own, so that none stays open between two of them.
func (w Way) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            w.Dial,
			TLSClientConfig:        w.TLS,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: remoteHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func remoteURL(base string, q Query) (*url.URL, error) {
	text := base
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("socket table from %q: not a URL (%w): %s", base, err, remoteAdvice)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("socket table from %q: not an http URL with a host: %s", base, remoteAdvice)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("socket table from %q: has a query of its own: give port, pid and peer apart from it", base)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = Path
	}
	u.RawQuery = q.Values().Encode()
	return u, nil
}

func fetch(ctx context.Context, client *http.Client, target *url.URL) (Table, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return Table{}, err //nolint:wrapcheck // by the caller
	}
	response, err := client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the URL is told by the caller
		}
		if class.Of(err) == class.FDLimit {
			return Table{}, fmt.Errorf("%w: %s", err, descriptorAdvice)
		}
		return Table{}, fmt.Errorf("%w: %s", err, remoteAdvice)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, remoteAnswer+1))
	switch {
	case err != nil:
		return Table{}, fmt.Errorf("answer: %w", err)
	case len(body) > remoteAnswer:
		return Table{}, fmt.Errorf("the answer has more than %d bytes and is no socket table: %s", remoteAnswer, remoteAdvice)
	case response.StatusCode != http.StatusOK:
		return Table{}, remoteFailure(response.Status, body)
	}
	return parseTable(body)
}

// remoteFailure tells the server's reason, if it is a companion server.
func remoteFailure(status string, body []byte) error {
	var answer struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error == "" {
		return fmt.Errorf("HTTP status %s: %s", status, remoteAdvice)
	}
	return fmt.Errorf("HTTP status %s: %q", status, answer.Error)
}

func parseTable(body []byte) (Table, error) {
	var answer struct {
		Table
		Total *int64 `json:"total"` // which every table has
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Table{}, fmt.Errorf("the answer is no socket table (%w): %s", err, remoteAdvice)
	}
	if answer.Total == nil {
		return Table{}, fmt.Errorf("the answer is no socket table, it has no total: %s", remoteAdvice)
	}
	answer.Table.Total = *answer.Total
	return answer.Table, nil
}
