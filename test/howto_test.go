//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// block is a fenced part of a document.
type block struct {
	kind, text string
	name       string // of the file that the text before it wants it to be saved as; "" if it does not
}

var savedAs = regexp.MustCompile("(?s)Save this as `([^`/]+)`.*$")

// blocksOf are a document's fenced parts, also those in lists.
func blocksOf(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []block
	fenced, before := regexp.MustCompile("(?ms)^( *)```(\\w+)\n(.*?)^ *```$"), 0
	for _, at := range fenced.FindAllStringSubmatchIndex(string(text), -1) {
		m := func(i int) string { return string(text[at[2*i]:at[2*i+1]]) }
		lines := strings.Split(m(3), "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], m(1))
		}
		b := block{kind: m(2), text: strings.Join(lines, "\n")}
		if name := savedAs.FindStringSubmatch(string(text[before:at[0]])); name != nil {
			b.name = name[1]
		}
		all, before = append(all, b), at[1]
	}
	return all
}

// tutorial is the document whose steps are typed into one shell.
const tutorial = "tutorial.md"

// howTos are the documents whose commands run.
func howTos(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "how-to", "*.md"))
	require.NoError(t, err)
	require.Greater(t, len(files), 10)
	return append(files, filepath.Join(root, "docs", tutorial))
}

// guideNetwork is the network that the how-tos speak of: 10.0.0.2 is a virtual IP with three backends that tell their names, and echo; on other
// ports there are Redis and a name server. Nothing else is there.
func guideNetwork(t *testing.T) *namespace {
	t.Helper()
	need(t, "redis-server", "dnsmasq", "nft")
	ns := newNamespace(t)
	ns.run(t, "ip addr add 10.0.0.2/32 dev lo")
	ns.run(t, "ip route add default dev lo") // sources of all kinds
	for i := 1; i <= 3; i++ {
		backend := fmt.Sprintf("10.0.0.%d", 10+i)
		ns.run(t, "ip addr add "+backend+"/32 dev lo")
		start(t, ns, serverPath, "-address", backend+":5001", "-udp", "-echo", backend+":5003", "-hostname", fmt.Sprintf("web-%d", i)).awaitLine(t, "Echo on")
	}
	ns.rules(t, `table ip balancer {
		chain output {
			type nat hook output priority -100;
			ip daddr 10.0.0.2 meta l4proto { tcp, udp } th dport { 5001, 5003 } dnat to numgen inc mod 3 map { 0 : 10.0.0.11, 1 : 10.0.0.12, 2 : 10.0.0.13 }
		}
	}`)
	start(t, ns, "redis-server", "--bind", "10.0.0.2", "--port", "6379", "--save", "", "--protected-mode", "no")
	start(t, ns, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--group=root",
		"--listen-address=10.0.0.2", "--bind-interfaces", "--address=/www.example.com/10.0.0.2")
	return ns
}

// Every command of a how-to that is marked as sh runs as it is, in a folder that has what a clone and `make build` have. What is marked as
// console needs something that no test has: a cluster, other machines, a database, npm's registry, or much time.
func TestHowTosRun(t *testing.T) {
	t.Parallel()
	needs.Root(t, "make network namespaces")
	need(t, k6Path, serverPath, "curl")
	for _, file := range howTos(t) {
		var script []string
		var files []block
		for _, b := range blocksOf(t, file) {
			if b.kind == "sh" {
				script = append(script, b.text)
			}
			if b.name != "" {
				files = append(files, b)
			}
		}
		if len(script) == 0 {
			continue
		}
		if filepath.Base(file) == tutorial {
			script = []string{strings.Join(script, "")}
		}
		t.Run(filepath.Base(file), func(t *testing.T) { // one after the other: each makes load
			ns, folder := guideNetwork(t), t.TempDir()
			for _, name := range []string{"k6", "mconnect-server", "examples", "index.d.ts"} {
				from, err := filepath.Abs(filepath.Join(root, name))
				require.NoError(t, err)
				require.NoError(t, os.Symlink(from, filepath.Join(folder, name)))
			}
			for _, b := range files {
				require.NoError(t, os.WriteFile(filepath.Join(folder, b.name), []byte(b.text), 0o600))
			}
			for _, text := range script {
				var output bytes.Buffer
				shell := exec.Command("bash", "-euo", "pipefail", "-c", text)
				shell.Dir, shell.Stdout, shell.Stderr = folder, &output, &output
				shell.WaitDelay = time.Second
				shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				shell.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true")
				require.NoError(t, ns.inside(shell.Start))
				late := time.AfterFunc(patience, func() { _ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) })
				err := shell.Wait()
				late.Stop()
				_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL)
				require.NoError(t, err, "%s\n%s", text, &output)
			}
		})
	}
}

// Scripts of the how-tos are ones that k6 takes.
func TestHowToScriptsAreRight(t *testing.T) {
	t.Parallel()
	for _, file := range howTos(t) {
		for i, b := range blocksOf(t, file) {
			if b.kind != "js" || !strings.Contains(b.text, "export default") {
				continue
			}
			script := filepath.Join(t.TempDir(), fmt.Sprintf("%d.js", i))
			require.NoError(t, os.WriteFile(script, []byte(b.text), 0o600))
			p := start(t, nil, k6Path, "inspect", script)
			assert.Equal(t, exitOK, p.wait(t), "%s: %s", file, p.stderr)
		}
	}
}

// The editor's settings are those that a test has tried.
func TestHowToEditorSettings(t *testing.T) {
	t.Parallel()
	tried, err := os.ReadFile(filepath.Join("testdata", "editor", "jsconfig.json"))
	require.NoError(t, err)
	blocks := blocksOf(t, filepath.Join(root, "docs", "how-to", "editor.md"))
	assert.True(t, slices.ContainsFunc(blocks, func(b block) bool { return b.kind == "json" && b.text == string(tried) }))
}

// Whoever looks up a class finds it.
func TestTroubleshootingHasAllClasses(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "how-to", "troubleshooting.md"))
	require.NoError(t, err)
	for c := class.None + 1; c < class.Count; c++ {
		assert.Regexp(t, "(?m)^\\| .*`"+c.String()+"`", string(text))
	}
}

// Links of the documents lead somewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\]\(([\w./-]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(file), m[1]))
			assert.NoError(t, err, "%s", file)
		}
	}
}
