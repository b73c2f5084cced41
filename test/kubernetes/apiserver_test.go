//go:build apiserver

package kubernetes

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	sigs "sigs.k8s.io/yaml"
)

var (
	binary   = flag.String("apiserver", root+"/bin/kube-apiserver", "Kubernetes' API server")
	operator = flag.String("operator", "", "the sources of k6-operator, for TestRuns; without them, those are left out")
)

// resources are what the API server calls the kinds of manifests.
var resources = map[string]string{
	"v1 Namespace":                       "namespaces",
	"v1 Service":                         "services",
	"apps/v1 Deployment":                 "deployments",
	"apps/v1 DaemonSet":                  "daemonsets",
	"policy/v1 PodDisruptionBudget":      "poddisruptionbudgets",
	"networking.k8s.io/v1 NetworkPolicy": "networkpolicies",
	"k6.io/v1alpha1 TestRun":             "testruns",

	"apiextensions.k8s.io/v1 CustomResourceDefinition": "customresourcedefinitions",
}

// A real API server takes all manifests, with its defaults, validation and admission, and refuses what is wrong.
func TestManifestsOnAPIServer(t *testing.T) {
	c := startCluster(t)
	withTestRuns := *operator != ""
	if withTestRuns {
		definition, err := os.ReadFile(filepath.Join(*operator, "config/crd/bases/k6.io_testruns.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		c.mustApply(t, definition)
		await(t, "the kind TestRun", func() bool { return c.get("/apis/k6.io/v1alpha1/testruns") })
	}
	applied := 0
	for file, documents := range texts(t) {
		for _, document := range documents {
			if bytes.Contains(document, []byte("kind: TestRun")) && !withTestRuns {
				t.Logf("%s: left out, without -operator", file)
				continue
			}
			c.mustApply(t, document)
			applied++
		}
	}
	if applied == 0 {
		t.Fatal("no manifests")
	}
	wrong := []byte("apiVersion: v1\nkind: Service\nmetadata: {name: wrong, namespace: default}\nspec: {ports: [{port: 70000}]}\n")
	if status, _, text := c.apply(t, wrong); status != http.StatusUnprocessableEntity || !strings.Contains(text, "spec.ports[0].port") {
		t.Fatalf("a port of 70000: %d, %s", status, text)
	}
}

// cluster is an API server with its store; nothing runs in it.
type cluster struct {
	url    string
	token  string
	client *http.Client
}

// startCluster starts etcd and the API server, until the test's end.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, tokens := filepath.Join(dir, "accounts.key"), filepath.Join(dir, "tokens.csv")
	c := &cluster{url: "https://" + freeAddress(t), token: rand.Text()}
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- its own, on loopback
	for name, text := range map[string][]byte{
		keyFile: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		tokens:  fmt.Appendf(nil, "%s,admin,1,\"system:masters\"\n", c.token),
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, peers := "http://"+freeAddress(t), "http://"+freeAddress(t)
	start(t, "etcd", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(c.url, "https://"))
	start(t, *binary, "--etcd-servers", store, "--cert-dir", filepath.Join(dir, "certificates"), "--bind-address", host, "--secure-port", port,
		"--authorization-mode", "RBAC", "--token-auth-file", tokens, "--service-cluster-ip-range", "10.0.0.0/24,fd00::/112",
		"--service-account-key-file", keyFile, "--service-account-signing-key-file", keyFile, "--service-account-issuer", "https://kubernetes.default.svc")
	await(t, "the API server", func() bool { return c.get("/readyz") })
	return c
}

// start runs a program until the test's end.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- of the test
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatalf("%v: make test-kubernetes installs and builds it", err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
		if text := output.Bytes(); t.Failed() {
			t.Logf("%s: … %s", name, text[max(0, len(text)-4000):])
		}
	})
}

// await waits until something is so, for a minute at most.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			t.Fatalf("%s is not there after a minute", what)
		}
		time.Sleep(100 * time.Millisecond) // between two questions
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (c *cluster) get(path string) bool {
	status, _, _ := c.do(http.MethodGet, path, nil)
	return status == http.StatusOK
}

func (c *cluster) mustApply(t *testing.T, document []byte) {
	t.Helper()
	status, warnings, text := c.apply(t, document)
	if status != http.StatusOK && status != http.StatusCreated {
		t.Fatalf("%d, %s\n%s", status, text, document)
	}
	for _, warning := range warnings {
		t.Errorf("%s\n%s", warning, document)
	}
}

// apply does what kubectl apply --server-side does. Namespaces are needed by what is in them, so it is no dry run.
func (c *cluster) apply(t *testing.T, document []byte) (status int, warnings []string, text string) {
	t.Helper()
	var object struct {
		meta.TypeMeta   `json:",inline"`
		meta.ObjectMeta `json:"metadata"`
	}
	if err := sigs.Unmarshal(document, &object); err != nil {
		t.Fatal(err)
	}
	resource := resources[object.APIVersion+" "+object.Kind]
	if resource == "" {
		t.Fatalf("%s %s is no resource that this test knows", object.APIVersion, object.Kind)
	}
	path := "/apis/" + object.APIVersion
	if object.APIVersion == core.SchemeGroupVersion.String() {
		path = "/api/v1"
	}
	if object.Namespace != "" {
		path += "/namespaces/" + object.Namespace
	}
	return c.do(http.MethodPatch, path+"/"+resource+"/"+object.Name+"?fieldManager=test&fieldValidation=Strict", document)
}

// do sends a request. It returns a status of 0 for an error.
func (c *cluster) do(method, path string, body []byte) (status int, warnings []string, text string) {
	request, err := http.NewRequestWithContext(context.Background(), method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, nil, err.Error()
	}
	return response.StatusCode, response.Header.Values("Warning"), string(answer)
}
