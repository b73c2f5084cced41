//go:build !linux

package connect

// loops has nothing to keep: on this system every connection runs on package net.
type loops struct{}

func (e *Engine) newFlood(j *job) runner { return newNetRunner(j, answering{}) }

func (e *Engine) newHold(j *job) runner { return newNetRunner(j, holding{}) }

func (e *Engine) newTraffic(j *job) runner { return newNetRunner(j, talking{newRedialLanes(j)}) }
