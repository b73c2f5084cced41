//go:build !linux

package mesh

import "context"

func newAlarm(ctx context.Context) alarm { return newTimer(ctx) }
