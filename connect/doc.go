// Package connect makes connections over TCP, UDP and TLS, any number of them, times each, and counts what becomes of it.
//
// There is a call for each question, with a plan that says what to do and a result that says what came of it: [Engine.Flood] connects and
// reads an answer, [Engine.Hold] keeps connections open, [Engine.Capacity] finds how many a target holds, [Engine.Traffic] sends packets
// that come back, and [Engine.Idle] finds how long a connection may be silent. [TCPPing] is a single connect. Package verdicts judges the
// results. On Linux plain TCP and UDP run on a few event loops that all calls of an engine share; TLS, and every network on other systems,
// runs on package net. [Plan.KernelBypass] makes connections of packets instead.
//
// The data flows through the files in this order: plan.go and target.go have what all calls are asked for; flood.go, hold.go, traffic.go,
// capacity.go and idle.go have the plan, the result and the entry of each; engine.go makes a job of a plan and chooses a driver. What a
// call does with a connection is in internal/rules, and what carries connections in internal/epoll, internal/gonet and internal/packets.
// outcome.go is how one connection ended, collector.go gathers outcomes, and tally.go and the *_tally.go of each call add them up. A search
// for capacity goes by steps: capacity_search.go takes them, capacity_step.go adds up what becomes of the connections of each, and
// capacity_evidence.go says which limit that shows, and why. failure.go words failures, losses.go says which losses announced changes
// excuse, and verdict.go has what package verdicts fills in.
package connect
