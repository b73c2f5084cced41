package kubernetes

import (
	"slices"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// testRun is what the manifests use of k6-operator's TestRun (k6.io/v1alpha1), whose module the Go proxy does not have.
type testRun struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata,omitempty"`
	Spec            testRunSpec `json:"spec"`
}

type testRunSpec struct {
	Parallelism int32  `json:"parallelism"`
	Separate    bool   `json:"separate,omitempty"`
	Arguments   string `json:"arguments,omitempty"`
	Script      struct {
		ConfigMap struct {
			Name string `json:"name"`
			File string `json:"file,omitempty"`
		} `json:"configMap"`
	} `json:"script"`
	Initializer *testRunPod `json:"initializer,omitempty"`
	Starter     testRunPod  `json:"starter,omitempty"`
	Runner      testRunPod  `json:"runner"`
}

type testRunPod struct {
	Image                    string                    `json:"image,omitempty"`
	Env                      []core.EnvVar             `json:"env,omitempty"`
	Resources                core.ResourceRequirements `json:"resources,omitempty"`
	SecurityContext          core.PodSecurityContext   `json:"securityContext,omitempty"`
	ContainerSecurityContext core.SecurityContext      `json:"containerSecurityContext,omitempty"`
}

// restricted reports whether a namespace of the level restricted takes the pod.
func (p *testRunPod) restricted() bool {
	pod, container := p.SecurityContext, p.ContainerSecurityContext
	return pod.RunAsNonRoot != nil && *pod.RunAsNonRoot && pod.RunAsUser != nil && *pod.RunAsUser != 0 &&
		pod.SeccompProfile != nil && pod.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault &&
		container.AllowPrivilegeEscalation != nil && !*container.AllowPrivilegeEscalation &&
		container.Capabilities != nil && slices.Equal(container.Capabilities.Drop, []core.Capability{"ALL"})
}
