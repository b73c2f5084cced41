// Package module is the k6 binding of package connect.
package module

import (
	"go.k6.io/k6/v2/js/modules"
)

// RootModule is shared by all VUs of a k6 process.
type RootModule struct{}

// New returns the module that k6 registers.
func New() *RootModule { return &RootModule{} }

// NewModuleInstance implements modules.Module.
func (*RootModule) NewModuleInstance(modules.VU) modules.Instance { return instance{} }

type instance struct{}

func (instance) Exports() modules.Exports { return modules.Exports{} }
