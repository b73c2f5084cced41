// Package mesh is the part of the companion server that measures its peers for months, as pingmesh does: it pings each of them
// over and over, keeps the last hour, learns of its peers' peers, and shows who reaches whom how fast. It speaks pingmesh's API
// both ways.
//
// A peer is a URL, and sometimes an address that overrides DNS; each has a goroutine. What peers answer is held to be hostile:
// sizes are bounded, names validated, and no peer can make the list, the figures or a page grow without limit.
package mesh
