// Package connect makes connections over TCP, UDP and TLS, any number of them, times each, and counts what becomes of it.
//
// There is a call for each question, with a plan that says what to do and a result that says what came of it: [Engine.Flood] connects and
// reads an answer, [Engine.Hold] keeps connections open, [Engine.Capacity] finds how many a target holds, and [Engine.Traffic] sends
// packets that come back. On Linux plain TCP and UDP run on a few event loops that all calls of an engine share; TLS, and every
// network on other systems, runs on package net.
//
// The data flows through the files in this order: plan.go (what is asked for), job.go (the plan at work: who dials what, when),
// part_linux.go and runner_net.go (the two ways to dial) with what each call does with a connection (flood_linux.go, flood_net.go and
// so on), outcome.go (how one connection ended), collector.go and tally.go (all of them together), result.go and its like.
package connect
