// Package kubernetes checks the manifests of examples/kubernetes against Kubernetes' own types.
package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigs "sigs.k8s.io/yaml"
)

const (
	root   = "../.."
	folder = root + "/examples/kubernetes"
)

// kinds are what the manifests may be made of.
var kinds = map[string]func() any{
	"v1 Namespace":                       func() any { return &core.Namespace{} },
	"v1 Service":                         func() any { return &core.Service{} },
	"apps/v1 Deployment":                 func() any { return &apps.Deployment{} },
	"apps/v1 DaemonSet":                  func() any { return &apps.DaemonSet{} },
	"policy/v1 PodDisruptionBudget":      func() any { return &policy.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy": func() any { return &networking.NetworkPolicy{} },
	"k6.io/v1alpha1 TestRun":             func() any { return &testRun{} },
}

// texts returns the documents of all manifests.
func texts(t *testing.T) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := map[string][][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %s", file, err)
			}
			all[filepath.Base(file)] = append(all[filepath.Base(file)], document)
		}
	}
	return all
}

// read decodes the documents of all manifests. A field that Kubernetes does not have, or of another type, fails.
func read(t *testing.T) map[string][]any {
	t.Helper()
	all := map[string][]any{}
	for file, documents := range texts(t) {
		for _, document := range documents {
			all[file] = append(all[file], decode(t, file, document))
		}
	}
	return all
}

func decode(t *testing.T, file string, document []byte) any {
	t.Helper()
	var kind meta.TypeMeta
	if err := sigs.Unmarshal(document, &kind); err != nil {
		t.Fatalf("%s: %s", file, err)
	}
	name := kind.APIVersion + " " + kind.Kind
	if kinds[name] == nil {
		t.Fatalf("%s: %s is none of %s", file, name, slices.Sorted(maps.Keys(kinds)))
	}
	object := kinds[name]()
	if err := sigs.UnmarshalStrict(document, object); err != nil {
		t.Fatalf("%s: %s: %s", file, name, err)
	}
	return object
}

// pods are the pods' templates of a file.
func pods(objects []any) []core.PodTemplateSpec {
	var found []core.PodTemplateSpec
	for _, object := range objects {
		switch o := object.(type) {
		case *apps.Deployment:
			found = append(found, o.Spec.Template)
		case *apps.DaemonSet:
			found = append(found, o.Spec.Template)
		}
	}
	return found
}

// What selects pods selects some, and what names a port of theirs names one that they have.
func TestSelectorsAndPorts(t *testing.T) {
	t.Parallel()
	for file, objects := range read(t) {
		templates := pods(objects)
		selected := func(what string, selector map[string]string) []core.ContainerPort {
			for _, template := range templates {
				if labels.SelectorFromSet(selector).Matches(labels.Set(template.Labels)) {
					return template.Spec.Containers[0].Ports
				}
			}
			t.Errorf("%s: %s selects no pod: %v", file, what, selector)
			return nil
		}
		for _, object := range objects {
			switch o := object.(type) {
			case *core.Service:
				ports := selected("the Service", o.Spec.Selector)
				for _, p := range o.Spec.Ports {
					check(t, file, ports, p.TargetPort.StrVal, p.Protocol)
				}
			case *apps.Deployment:
				selected("the Deployment", o.Spec.Selector.MatchLabels)
			case *apps.DaemonSet:
				selected("the DaemonSet", o.Spec.Selector.MatchLabels)
			case *policy.PodDisruptionBudget:
				selected("the PodDisruptionBudget", o.Spec.Selector.MatchLabels)
			case *networking.NetworkPolicy:
				ports := selected("the NetworkPolicy", o.Spec.PodSelector.MatchLabels)
				for _, rule := range o.Spec.Ingress {
					for _, p := range rule.Ports {
						protocol := core.ProtocolTCP
						if p.Protocol != nil {
							protocol = *p.Protocol
						}
						check(t, file, ports, p.Port.StrVal, protocol)
					}
				}
			}
		}
	}
}

func check(t *testing.T, file string, ports []core.ContainerPort, name string, protocol core.Protocol) {
	t.Helper()
	orTCP := func(p core.Protocol) core.Protocol {
		if p == "" {
			return core.ProtocolTCP
		}
		return p
	}
	if !slices.ContainsFunc(ports, func(p core.ContainerPort) bool { return p.Name == name && orTCP(p.Protocol) == orTCP(protocol) }) {
		t.Errorf("%s: no container has a port %s of %s", file, name, orTCP(protocol))
	}
}

// Pods have no privilege, an end to what they use, and probes that the server answers.
func TestPods(t *testing.T) {
	t.Parallel()
	for file, objects := range read(t) {
		for _, template := range pods(objects) {
			container, pod := template.Spec.Containers[0], template.Spec
			secure := container.SecurityContext != nil && *container.SecurityContext.ReadOnlyRootFilesystem && !*container.SecurityContext.AllowPrivilegeEscalation &&
				slices.Equal(container.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}) && *pod.SecurityContext.RunAsNonRoot && !*pod.AutomountServiceAccountToken
			if !secure {
				t.Errorf("%s: a pod with privileges it does not need", file)
			}
			if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
				t.Errorf("%s: no limits", file)
			}
			for _, probe := range []*core.Probe{container.LivenessProbe, container.ReadinessProbe} {
				if probe == nil {
					t.Errorf("%s: no probe", file)
					continue
				}
				check(t, file, container.Ports, probe.HTTPGet.Port.StrVal, core.ProtocolTCP)
			}
		}
	}
}

// A TestRun's script is an example, which knows the variables that it is given, and which each pod makes one iteration of.
func TestTestRuns(t *testing.T) {
	t.Parallel()
	runs := 0
	for file, objects := range read(t) {
		for _, object := range objects {
			run, is := object.(*testRun)
			if !is {
				continue
			}
			runs++
			text, err := os.ReadFile(filepath.Join(root, "examples", run.Spec.Script.ConfigMap.File))
			if err != nil {
				t.Fatal(err)
			}
			instances := ""
			for _, v := range run.Spec.Runner.Env {
				if !regexp.MustCompile(`__ENV\.` + v.Name + `\b`).Match(text) {
					t.Errorf("%s: %s does not know %s", file, run.Spec.Script.ConfigMap.File, v.Name)
				}
				if v.Name == "INSTANCES" {
					instances = v.Value
				}
			}
			if instances != strconv.Itoa(int(run.Spec.Parallelism)) {
				t.Errorf("%s: INSTANCES is %q, and parallelism %d", file, instances, run.Spec.Parallelism)
			}
			if !slices.EqualFunc(run.Spec.Initializer.Env, run.Spec.Runner.Env, func(a, b core.EnvVar) bool { return a == b }) {
				t.Errorf("%s: the initializer has other variables", file)
			}
			for name, pod := range map[string]*testRunPod{"initializer": run.Spec.Initializer, "starter": &run.Spec.Starter, "runner": &run.Spec.Runner} {
				if !pod.restricted() {
					t.Errorf("%s: the namespace does not take the %s", file, name)
				}
			}
			if !strings.Contains(run.Spec.Arguments, "--tag testid=") {
				t.Errorf("%s: no tag testid", file)
			}
		}
	}
	if runs != 3 {
		t.Errorf("%d TestRuns", runs)
	}
}
