package server_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestSocketsRefusesWrongQueries(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{})
	for query, want := range map[string]string{
		"port=0":      `{"error":"port \"0\": must be a local TCP port from 1 to 65535"}`,
		"pid=x":       `{"error":"pid \"x\": must be the number of a process, 1 or above"}`,
		"prot=1":      `{"error":"\"prot\" is not a parameter: use port, pid, peer and queue, such as ?port=8080"}`,
		"port=%zz":    `{"error":"invalid URL escape \"%zz\""}`,
		"pid=1&pid=2": `{"error":"pid: given 2 times: give it once"}`,
	} {
		response, body := fetch(t, srv, "GET", "/sockets?"+query, "")
		assert.Equal(t, 400, response.StatusCode, query)
		assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
		assert.Equal(t, want+"\n", body)
	}
}
