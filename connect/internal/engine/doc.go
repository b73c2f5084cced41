// Package engine is the core that all calls share. It claims connections, bounds how many are dialed at once, counts them through
// their lives, and hands out what became of each.
//
// Two seams join it. [Rules] say what a call does with a connection; a [Driver] carries connections. Rules know no sockets,
// drivers know no calls, and the core has neither a clock nor a goroutine: a driver calls [Core.Handle] for each event and
// [Core.Turn] after the events of a turn, always from one goroutine at a time.
package engine
