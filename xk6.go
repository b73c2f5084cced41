// Package mconnect registers the k6 JavaScript module k6/x/mconnect.
package mconnect

import (
	"go.k6.io/k6/v2/js/modules"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module"
)

func init() {
	modules.Register("k6/x/mconnect", module.New())
}
