package kubernetes

import (
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
	Runner      testRunPod  `json:"runner"`
}

type testRunPod struct {
	Image                    string                    `json:"image,omitempty"`
	Env                      []core.EnvVar             `json:"env,omitempty"`
	Resources                core.ResourceRequirements `json:"resources,omitempty"`
	SecurityContext          core.PodSecurityContext   `json:"securityContext,omitempty"`
	ContainerSecurityContext core.SecurityContext      `json:"containerSecurityContext,omitempty"`
}
