//go:build !linux

package connect

import (
	"time"
)

// loops has nothing to keep: on this system every connection runs on package net.
type loops struct{}

func (e *Engine) newFlood(j *job) runner { return newNetRunner(j, answering{}) }

func (e *Engine) newHold(j *job) runner { return newNetRunner(j, holding{}) }

func (e *Engine) newTraffic(j *job) runner { return newNetRunner(j, talking{newRedialLanes(j)}) }

// handshake has nothing to say on this system.
func handshake(any) (rtt time.Duration, synRetransmits int64) { return 0, 0 }
