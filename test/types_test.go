//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compiler is TypeScript's, which is an editor's language server as well.
const compiler = "node_modules/.bin/tsc"

// newProject makes a fresh folder as a user would: the package that npm packs, k6's types, a jsconfig.json, and scripts.
func newProject(t *testing.T) string {
	t.Helper()
	need(t, "npm", "node", compiler)
	project := t.TempDir()
	modules := filepath.Join(project, "node_modules")
	ours := filepath.Join(modules, "xk6-mconnect")
	require.NoError(t, os.MkdirAll(ours, 0o700))
	types, err := filepath.Abs(filepath.Join(root, "node_modules", "@types"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(types, filepath.Join(modules, "@types")))
	for _, command := range [][]string{
		{"npm", "pack", "--silent", "--pack-destination", project},
		{"sh", "-c", "tar -xzf " + project + "/xk6-mconnect-*.tgz --strip-components 1 -C " + ours},
		{"sh", "-c", "cp test/testdata/editor/* " + project},
	} {
		run := exec.Command(command[0], command[1:]...)
		run.Dir = root
		output, err := run.CombinedOutput()
		require.NoError(t, err, "%s: %s", command, output)
	}
	return project
}

// The package that `npm pack` makes is enough to check scripts strictly, in JavaScript and TypeScript.
func TestTypesInAFreshProject(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ from, to, says string }{
		"right":                      {},
		"an option that is misspelt": {"connections: 20000", "conections: 20000", "Did you mean to write 'connections'?"},
		"a type that is wrong":       {"connections: 20000", "connections: 'many'", "Type 'string' is not assignable to type 'number'"},
		"a field that is not there":  {"{ ok, hosts }", "{ okay, hosts }", "Property 'okay' does not exist on type 'FloodResult'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := newProject(t)
			script := filepath.Join(project, "script.js")
			text, err := os.ReadFile(script)
			require.NoError(t, err)
			require.Contains(t, string(text), row.from)
			require.NoError(t, os.WriteFile(script, []byte(strings.Replace(string(text), row.from, row.to, 1)), 0o600))
			check := exec.Command(compiler, "--strict", "-p", filepath.Join(project, "jsconfig.json"))
			check.Dir = root
			output, err := check.CombinedOutput()
			assert.Equal(t, row.says == "", err == nil, "%s", output)
			assert.Contains(t, string(output), row.says)
		})
	}
}

// An editor offers the options of a call, and the functions of the module.
func TestEditorsComplete(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	server := startLanguageServer(t, project)
	for name, row := range map[string]struct {
		script string // | is where the cursor is
		want   []string
	}{
		"options":   {"import { flood } from 'k6/x/mconnect';\nflood('a:1', { | });\n", []string{"connections", "concurrency", "sourcePorts", "expect"}},
		"results":   {"import { flood } from 'k6/x/mconnect';\nconst r = await flood('a:1');\nr.|\n", []string{"ok", "verdicts", "hosts", "connect_time"}},
		"functions": {"import { | } from 'k6/x/mconnect';\n", []string{"flood", "hold", "traffic", "idle", "summary"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Subset(t, server.complete(t, filepath.Join(project, strings.ReplaceAll(name, " ", "-")+".js"), row.script), row.want)
		})
	}
}

// languageServer is TypeScript's, which speaks the Language Server Protocol on standard input and output.
type languageServer struct {
	in   io.Writer
	out  *bufio.Reader
	last int // request
}

func startLanguageServer(t *testing.T, project string) *languageServer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), compiler, "--lsp", "--stdio")
	cmd.Dir = root
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := &languageServer{in: in, out: bufio.NewReader(out)}
	s.ask(t, "initialize", object{"processId": nil, "rootUri": "file://" + project, "capabilities": object{}})
	s.tell(t, "initialized", object{})
	return s
}

func (s *languageServer) complete(t *testing.T, file, script string) []string {
	t.Helper()
	before, after, found := strings.Cut(script, "|")
	require.True(t, found)
	uri := "file://" + file
	s.tell(t, "textDocument/didOpen", object{"textDocument": object{"uri": uri, "languageId": "javascript", "version": 1, "text": before + after}})
	line := strings.Count(before, "\n")
	answer := s.ask(t, "textDocument/completion", object{
		"textDocument": object{"uri": uri},
		"position":     object{"line": line, "character": len(before) - strings.LastIndex(before, "\n") - 1},
	})
	var list struct{ Items []struct{ Label string } }
	require.NoError(t, json.Unmarshal(answer, &list), "%s", answer)
	var labels []string
	for _, item := range list.Items {
		labels = append(labels, strings.TrimSuffix(item.Label, "?"))
	}
	return labels
}

func (s *languageServer) write(t *testing.T, message object) {
	t.Helper()
	message["jsonrpc"] = "2.0"
	text := asJSON(t, message)
	_, err := fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(text), text)
	require.NoError(t, err)
}

func (s *languageServer) tell(t *testing.T, method string, params any) {
	t.Helper()
	s.write(t, object{"method": method, "params": params})
}

// ask returns the result of a request. What the server asks meanwhile gets no answer but null.
func (s *languageServer) ask(t *testing.T, method string, params any) json.RawMessage {
	t.Helper()
	s.last++
	s.write(t, object{"id": s.last, "method": method, "params": params})
	for {
		header, err := textproto.NewReader(s.out).ReadMIMEHeader()
		require.NoError(t, err)
		length, err := strconv.Atoi(header.Get("Content-Length"))
		require.NoError(t, err)
		body := make([]byte, length)
		_, err = io.ReadFull(s.out, body)
		require.NoError(t, err)
		var message struct {
			ID     json.RawMessage
			Method string
			Result json.RawMessage
			Error  any
		}
		require.NoError(t, json.Unmarshal(body, &message), "%s", body)
		switch {
		case message.Method != "" && message.ID != nil:
			s.write(t, object{"id": message.ID, "result": nil})
		case message.Method == "" && string(message.ID) == strconv.Itoa(s.last):
			require.Nil(t, message.Error, "%s", body)
			return message.Result
		}
	}
}
