package connect

// Engine makes the connections of any number of calls at once, on a few event loops that it starts for the first call
// and stops after the last. The zero value is ready to use.
type Engine struct {
	// Total counts the connections of all calls so far.
	Total Counters

	loops    loops
	portable bool // run everything on package net, as on systems without event loops
}
