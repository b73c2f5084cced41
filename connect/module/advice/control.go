package advice

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect"

// Control adds to the failure of the connection that was used at once what a script can do about it.
func Control(c *connect.IdleControl) {
	const options = "idle() needs a service that answers what it is sent: one that echoes (mconnect-server -echo), or options payload and reply"
	const ends = "; or it wants a header of the PROXY protocol first, or none (proxyProtocol)"
	switch {
	case c.Answered:
	case c.Failure == nil:
		c.Message = "no connection was established"
	case causeOf(c.Failure.Err) == connect.ReasonTooMuch:
		c.Message = textOf(*c.Failure) + "; of a service that is no echo, say what it is sent and answers (options payload and reply)"
	case isMisplaced(causeOf(c.Failure.Err)):
		c.Message = textOf(*c.Failure)
	case c.Error == connect.ClassClosed:
		c.Message = c.Failure.Error() + "; " + options + ends
	case c.Error == connect.ClassNoReply || c.Error == connect.ClassBadReply:
		c.Message = c.Failure.Error() + "; " + options
	default:
		c.Message = textOf(*c.Failure)
	}
}

// isMisplaced reports whether something has put data of its own before ours.
func isMisplaced(reason connect.Reason) bool {
	return reason == connect.ReasonTwice || reason == connect.ReasonProxyHeader
}
