// Package connect is the client side of mconnect as a library: it floods targets with TCP, UDP or TLS connects, times
// every connection, and counts who answered and what failed.
//
// A [Plan] says what to do, [Engine.Flood] does it and returns a [FloodResult]. On Linux plain TCP and UDP run on a few
// event loops that all calls of an engine share; TLS, and every network on other systems, runs on package net.
//
// The data flows through the files in this order: plan.go (what is asked for), job.go (the plan at work: who dials
// what, when), flood_linux.go and flood_net.go (the two ways to do it), outcome.go (how one connection ended), result.go
// (what all of them amount to).
package connect
